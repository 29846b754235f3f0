"""Every exception of cope-lsp, each with a message written for the person who reads it.

CopeError
├── FrameError              a peer sent bytes that are not a frame of ours
├── ModelFileError          the file cannot be loaded as a model
├── EngineUnavailableError  there is no engine that could answer now
└── GenerationError         the engine is well but cannot serve this request
"""


class CopeError(Exception):
    """Base of all errors that cope-lsp raises on purpose."""


class FrameError(CopeError):
    """A stream does not carry the frames of `cope_lsp.engine.wire`."""


class ModelFileError(CopeError):
    """A file is missing, unreadable, or not a model that llama.cpp can load."""


class EngineUnavailableError(CopeError):
    """The engine is off or died; the message says why and what to do next."""


class GenerationError(CopeError):
    """A prompt does not fit, or llama.cpp failed on it; other requests are not touched."""
