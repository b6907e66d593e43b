"""The entry of the function that streams."""

from playground.handler import handler
from shared.asgi import serve

if __name__ == "__main__":
    serve(handler)
