"""The exceptions of the package; each message is one sentence fit to show to a user."""


class ImgrecError(Exception):
    """Says what is wrong and what to do; caught at the edge (a tab, a command line)."""


class ImageError(ImgrecError):
    """The input is not a usable picture."""


class ModelError(ImgrecError):
    """A trained model is missing, damaged, or not what it claims to be."""


class DataError(ImgrecError):
    """A data set is missing, damaged, or could not be fetched."""


class TeachError(ImgrecError):
    """A visitor's project exceeds a limit, lacks something, or no longer exists."""


class UploadError(ImgrecError):
    """A client names a file that was not uploaded to this page."""


class CancelledError(ImgrecError):
    """The user stopped a long operation."""
