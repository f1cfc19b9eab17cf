"""``report.html``: one page that needs no network and lets nothing of a notebook run."""
