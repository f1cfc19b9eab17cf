"""What every room needs: errors, bounded waits, private files, locks."""
