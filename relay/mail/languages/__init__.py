"""The languages that mail clients speak: a table each, read by `relay.mail.labels`.

A new one is a file `<code>.txt` here and its code below; docs/forwards.md shows it step by step.
"""

CODES = (
    "en",
    "af", "ar", "az", "be", "bg", "bn", "ca", "cs", "cy", "da", "de", "el", "es", "et",
    "eu", "fa", "fi", "fil", "fr", "ga", "gl", "he", "hi", "hr", "hu", "hy", "id", "is",
    "it", "ja", "ka", "kk", "ko", "lt", "lv", "mk", "mn", "ms", "mt", "nb", "nl", "pl",
    "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "th", "tr", "uk", "ur",
    "uz", "vi", "zh-hans", "zh-hant",
)  # fmt: skip
"""English first: it stands in for what the clients of other languages do not translate."""
