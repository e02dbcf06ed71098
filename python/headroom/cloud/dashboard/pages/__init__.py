"""The pages, one file each: what is asked for, and which sheets show it."""
