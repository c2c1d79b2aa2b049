"""The explorer: a page under `almoner dev` to ask the gateway by hand, as anybody of the demo."""
