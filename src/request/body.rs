//! Requests as the bytes of an HTTP body. Every byte outside a changed string stays as it was.
