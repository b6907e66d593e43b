"""Entry point of the function for streams."""

from lambda_src.playground.handler import handler
from lambda_src.shared.asgi import serve

if __name__ == "__main__":
    serve(handler)
