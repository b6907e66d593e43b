"""
What `streamlit run` starts: Streamlit's server, which compresses its own files, too.

Streamlit leaves that to a proxy, but AWS's load balancers don't compress, and the first load is three times as large.
"""

import gc

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from streamlit.starlette import App

from ui.entries import entries

# Imports the pages now, instead of for the first visitor.
entries()
# Streamlit collects garbage after every run of the script, which takes 40 ms with all that is imported.
gc.freeze()

# Level 9 takes 40 % longer, for 0.3 % less.
app = App("script.py", middleware=[Middleware(GZipMiddleware, compresslevel=6)])
