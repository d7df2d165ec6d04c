"""OKX spot: `wire` its words, `book` its rule for books, `decode` pure, `stream` live."""
