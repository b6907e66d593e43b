"""The function's entry."""

from shared import start  # isort: skip  (first: it stops the collector while the rest is imported)

from shared.function import make_handler

from image_generation.routes import ROUTES
from image_generation.service import ImageService

handler = make_handler(ROUTES, ImageService)
start.done()
