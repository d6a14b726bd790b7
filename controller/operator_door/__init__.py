"""An HTTP door for what people say to the judge. It decides nothing: it passes commands on."""
