"""The languages that mail clients speak: a table each, read by `relay.mail.labels`.

A new one is a file `<code>.txt` here and its code below; docs/forwards.md shows it step by step.
"""

CODES = (
    "en",
    "af", "am", "ar", "az", "be", "bg", "bn", "br", "ca", "cs", "cy", "da", "de", "el", "es",
    "et", "eu", "fa", "fi", "fil", "fr", "fy", "ga", "gd", "gl", "gu", "he", "hi", "hr", "hsb",
    "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "km", "kn", "ko", "ky", "lo", "lt", "lv",
    "mk", "ml", "mn", "mr", "ms", "mt", "my", "nb", "ne", "nl", "pa", "pl", "pt", "rm", "ro",
    "ru", "si", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "te", "th", "tr", "uk", "ur", "uz",
    "vi", "zh-hans", "zh-hant", "zu",
)  # fmt: skip
"""English first: it stands in for what the clients of other languages do not translate."""
