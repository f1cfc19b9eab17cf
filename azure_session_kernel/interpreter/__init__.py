"""What runs in the session: these modules are sent to a pool's interpreter as text.

They need nothing but Python 3.10 and ipykernel (6 or 7), and never import anything else of this
package. ``install.py`` is the entrance.
"""
