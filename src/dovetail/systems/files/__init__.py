"""Systems that are files: which datasets there are, and how texts become values and values texts."""
