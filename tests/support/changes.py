"""What Postfix and Dovecot change between the milter and the file in the mailbox: the named list.

The archive holds a message as the milter received it. These steps, and no others, lie between that and the delivered file;
each was seen in a delivery of the corpora (Postfix 3.7 with Dovecot 2.3; other versions run the same comparison):

  edits            ours, as the archive recorded them
  received         Postfix prepends its Received field (it hides it from milters)
  delivery-fields  Dovecot's LMTP prepends Return-Path, Delivered-To and its own Received
  line-ends        CRLF on the wire, LF in the file; a last line without an end gets one
  long-lines       Postfix's LMTP client breaks lines of more than 998 bytes (smtp_line_length_limit) by line end and space
  empty-line       of a message without a body a milter is not told whether the empty line after the header was sent; the
                   archive always has it, the file only where the client sent it"""
import re

LINE_LIMIT = 998


def unwrapped(name):
    return rb"(?:%s:[^\n]*\n(?:[ \t][^\n]*\n)*)" % name


DELIVERY_FIELDS = re.compile(rb"\A" + unwrapped(b"Return-Path") + unwrapped(b"Delivered-To") + unwrapped(b"Received") + unwrapped(b"Received"))


def delivered_core(data):
    """The delivered file without what was prepended: the three fields of Dovecot and Postfix's Received; with the empty line."""
    match = DELIVERY_FIELDS.match(data)
    if not match:
        raise AssertionError(f"the delivered file does not begin with the delivery fields: {data[:600]!r}")
    core = data[match.end():]
    return core if core.startswith(b"\n") or b"\n\n" in core else core + b"\n"


def break_long_lines(data):
    lines = []
    for line in data.split(b"\n"):
        while len(line) > LINE_LIMIT:
            lines.append(line[:LINE_LIMIT])
            line = b" " + line[LINE_LIMIT:]
        lines.append(line)
    return b"\n".join(lines)


def split_header(data):
    """Header fields (with their line ends) and the rest, line ends LF."""
    end = 0 if data.startswith(b"\n") else data.find(b"\n\n") + 1
    if end == 0 and not data.startswith(b"\n"):
        end = len(data)
    fields = re.findall(rb"[^\n]*\n(?:[ \t][^\n]*\n)*", data[:end])
    return fields, data[end:]


def apply_edits(data, edits):
    """edits as the archive shows them: {"kind", "index", "name", "value"}."""
    fields, rest = split_header(data)
    for edit in edits:
        name, value = edit["name"].encode(), edit.get("value", "").encode()
        field = name + b": " + value + b"\n"
        if edit["kind"] == "add":
            fields.append(field)
        elif edit["kind"] == "insert":
            fields.insert(edit["index"], field)
        else:
            places = [i for i, f in enumerate(fields) if f.split(b":")[0].strip().lower() == name.lower()]
            if edit["index"] > len(places):
                continue
            place = places[edit["index"] - 1]
            fields[place:place + 1] = [] if edit["kind"] == "delete" else [field]
    return b"".join(fields) + rest


def as_delivered(raw, edits):
    """The delivered file, less the prepended fields, that an archived message must have become."""
    data = raw.replace(b"\r\n", b"\n")
    if not data.endswith(b"\n"):
        data += b"\n"
    return break_long_lines(apply_edits(data, edits))
