"""The one place where the version of cope-lsp is written."""

__version__ = "0.1.0"
