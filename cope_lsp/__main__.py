"""`python -m cope_lsp` is `cope-lsp`."""

from cope_lsp.cli.main import main

main()
