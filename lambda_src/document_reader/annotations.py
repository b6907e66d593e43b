"""Makes what annotations draw part of a page's content: values of form fields, free text, check boxes."""

import ctypes
from collections.abc import Callable, Sequence

import msgspec
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from lambda_src.document_reader.cleaning import clean
from lambda_src.document_reader.hidden_text import MIN_SIZE, Box
from lambda_src.document_reader.lines import Line, PageText, turned

# Limits a page made to exhaust its reader.
_MAX_ANNOTATIONS = 2_000
_MAX_CHARACTERS = 20_000
_MAX_VALUES = 500
# The type size of values that have no appearance.
_SIZE = 11.0
_HIDDEN = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
# Links draw nothing. Pop-up windows are not part of the page.
_NOT_DRAWN = (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP)
_VALUES = (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX)
_BUTTONS = (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON)
CHECKED, UNCHECKED = "\u2611", "\u2610"


class Value(msgspec.Struct, frozen=True):
    """The text of an annotation, and its place. `replaces`: instead of the signs that are drawn there."""

    text: str
    box: Box
    replaces: bool = False


class Annotations(msgspec.Struct, frozen=True):
    """What a page's annotations say, whether they draw anything, and how many files are attached to the page."""

    values: Sequence[Value] = ()
    drawn: bool = False
    files: int = 0


def read_annotations(page: pdfium.PdfPage) -> Annotations:
    """The annotations of a page that has not been flattened."""
    values: list[Value] = []
    drawn = False
    files = 0
    for index in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            files += kind == raw.FPDF_ANNOT_FILEATTACHMENT
            if kind in _NOT_DRAWN or raw.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                continue
            drawn = True
            value = _value(page, annotation, kind)
            if value and len(values) < _MAX_VALUES:
                values.append(value)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    return Annotations(values, drawn, files)


def has_fields(page: pdfium.PdfPage) -> bool:
    """Whether the page has fields of a form."""
    for index in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, index)
        if annotation:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            raw.FPDFPage_CloseAnnot(annotation)
            if kind == raw.FPDF_ANNOT_WIDGET:
                return True
    return False


def _value(page: pdfium.PdfPage, annotation: raw.FPDF_ANNOTATION, kind: int) -> Value | None:
    rectangle = raw.FS_RECTF()
    if not raw.FPDFAnnot_GetRect(annotation, rectangle):
        return None
    box = (rectangle.left, rectangle.bottom, rectangle.right, rectangle.top)
    if kind == raw.FPDF_ANNOT_FREETEXT:
        text = _string(annotation, b"Contents")
        return Value(text, box) if text else None
    if kind != raw.FPDF_ANNOT_WIDGET or page.formenv is None:
        return None
    form = page.formenv.raw
    field = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    if field in _BUTTONS:
        return Value(CHECKED if raw.FPDFAnnot_IsChecked(form, annotation) else UNCHECKED, box, replaces=True)
    if field not in _VALUES or raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & raw.FPDF_FORMFLAG_TEXT_PASSWORD:
        return None
    length = raw.FPDFAnnot_GetFormFieldValue(form, annotation, None, 0)
    text = _decoded(length, lambda buffer: raw.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, length))
    return Value(text, box) if text else None


def _string(annotation: raw.FPDF_ANNOTATION, key: bytes) -> str:
    length = raw.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    return _decoded(length, lambda buffer: raw.FPDFAnnot_GetStringValue(annotation, key, buffer, length))


def _decoded(length: int, fill: Callable[[ctypes.Array[ctypes.c_ushort]], int]) -> str:
    """The UTF-16 text that `fill` writes; `length` is in bytes, with the final zero."""
    if not 2 < length <= 2 * _MAX_CHARACTERS:
        return ""
    buffer = (ctypes.c_ushort * (length // 2))()
    fill(buffer)
    return clean(bytes(buffer).decode("utf-16-le", "replace").partition("\0")[0])


def with_values(text: PageText, values: Sequence[Value]) -> PageText:
    """The text of a flattened page, with the values that nothing was drawn for, and check boxes as signs."""
    lines = list(text.lines)
    order = max((line.order for line in lines), default=0)
    for number, value in enumerate(values, order + 1):
        box = turned(value.box, text.turns)
        drawn = [line for line in text.lines if _is_in(line, box)]
        if value.replaces:
            lines = [line for line in lines if line not in drawn or len(line.text) > 1]
        if value.replaces or not drawn:
            lines.append(_line(value.text, box, number))
    return msgspec.structs.replace(text, lines=lines)


def _is_in(line: Line, box: Box) -> bool:
    x, y = (line.left + line.right) / 2, (line.bottom + line.top) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _line(text: str, box: Box, order: int) -> Line:
    left, bottom, right, top = box
    size = max(min(0.7 * (top - bottom), _SIZE), MIN_SIZE)
    # In the middle of one line's height, or at the top of several.
    middle = (bottom + top) / 2 if top - bottom < 3 * size else top - 0.7 * size
    return Line(
        text=text,
        size=size,
        bold=False,
        left=left,
        bottom=bottom,
        right=right,
        top=top,
        baseline=middle - 0.35 * size,
        order=order,
    )
