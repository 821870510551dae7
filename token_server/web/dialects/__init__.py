"""One file per wire form: it parses, renders and refuses, and never decides."""
