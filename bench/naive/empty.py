"""A handler that does nothing: what Lambda and Python take by themselves."""


def handler(event, context):  # noqa: ARG001
    return {}
