"""Questions about HR documents, answered with citations."""
