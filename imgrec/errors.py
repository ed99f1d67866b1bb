"""The errors of the package: each message is one sentence fit to be shown to a user."""


class ImgrecError(Exception):
    """What is wrong and what to do, in words; caught at the edge (a tab, a command line)."""


class ImageError(ImgrecError):
    """The input is not a picture that can be used."""


class ModelError(ImgrecError):
    """A trained model is missing, damaged, or not what it says it is."""


class DataError(ImgrecError):
    """A data set is missing, damaged, or could not be fetched."""


class TeachError(ImgrecError):
    """What a visitor teaches meets a limit, lacks something, or is not there any more."""


class UploadError(ImgrecError):
    """A client names a file that was not uploaded to this page."""


class CancelledError(ImgrecError):
    """The user stopped a long operation."""
