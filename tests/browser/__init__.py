"""JupyterLab in a real browser, driven the way a student drives it."""
