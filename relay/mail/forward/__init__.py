"""The message that somebody forwarded inline: found by the structure of the HTML, else line by line in the text.

What a client calls its fields in which language is data (`relay.mail.labels`); `block` reads the lines that a
client writes above the original, `written_date` and `written_mailbox` what stands in them.
"""
