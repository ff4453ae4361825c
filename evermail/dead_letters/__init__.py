"""What could not be used, kept whole: to be explained, mended and replayed.

- `letter`    what stands in a dead letter
- `seal`      how an original that may hold identifiers is kept from everybody without the secret
- `advice`    what each code means, and what to do about it
- `replayed`  what a replayed message says of its first time
- `sources`   letters from a subscription or a file
- `replay`    originals, published again
- `command`   `evermail dead-letters list|explain|replay`
"""
