"""Settlement and guarantee on any EVM chain: the Solidity sources, their built artifacts, and the Python twins."""
