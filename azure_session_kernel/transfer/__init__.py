"""Files between the notebook's folder and its session: what may travel, and how it does.

``upload.py`` and ``download.py`` are the way of one command each. ``choose.py`` and ``wanted.py``
find the files, ``ignore.py`` and ``local_names.py`` say what never travels, ``local_file.py`` reads
and writes.
"""
