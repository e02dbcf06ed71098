"""The service's endpoints, one file per concern. openapi.py describes them; a test compares the two."""
