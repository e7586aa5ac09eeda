"""OpenAI's speech endpoint."""

from voxgate.protocols.openai.rest import router

__all__ = ["router"]
