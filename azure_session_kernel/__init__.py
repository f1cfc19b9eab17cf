"""A Jupyter kernel whose cells run in an Azure Container Apps session pool."""

# Nothing is imported here: ``python -m`` looks for it in the notebook's folder first.
__version__ = "0.2.0"
