"""An organised report from what a field technician wrote or photographed."""
