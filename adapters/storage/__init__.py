"""Storage: batteries that follow a declared schedule."""
