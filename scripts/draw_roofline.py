"""The roofline of the CUDA kernels at the published model's shape: draw_roofline.py OUT.svg

What a launch computes (flop) over what it must read and write at least once (bytes), against what a card can attain at
that intensity: the smaller of its tensor cores' peak and its memory's bandwidth times the intensity. Everything follows
from shapes and data sheets; nothing here was measured. Prints the table that stands below the picture."""
import math
import sys
from xml.sax.saxutils import escape

# Data sheets: bytes/s; flop/s of fp16 and bf16 products with fp32 sums; multiprocessors.
CARDS = {"RTX 3060": (360e9, 25.5e12, 28), "RTX 4060": (272e9, 30e12, 24)}
COLOURS = {"RTX 3060": "#1f5fa8", "RTX 4060": "#c4581a"}

HIDDEN, Q_LORA, LATENT, ROPE, HEADS, NOPE, V, INTER, VOCAB = 2048, 1536, 512, 64, 16, 128, 128, 6144, 128256
DEPTH = 2048        # tokens in each sequence's cache
PROMPT = 512        # rows of a prefill, from position 0
CACHED = LATENT + ROPE
# [out, in] of a layer's linear maps: q_a and kv_a in one, q_b, o, gate and up in one, down
MAPS = [(Q_LORA + CACHED, HIDDEN), (HEADS * (NOPE + ROPE), Q_LORA), (HIDDEN, HEADS * V), (2 * INTER, HIDDEN),
        (HIDDEN, INTER)]
FP16, FP32 = 2, 4


def latent_splits(n, multiprocessors):
    """attend_latent.cu's."""
    turns = lambda splits: -(-n * splits // multiprocessors)
    candidates = [s for s in range(1, 33) if s == 1 or n * s <= 4 * multiprocessors]
    return min(candidates, key=lambda s: (turns(s) * (128 + s) / s, s))


def linear(maps, n):
    """(flop, bytes) of maps over n rows: weights once, rows of fp32 in and out."""
    return (sum(2 * n * out * width for out, width in maps),
            sum(FP16 * out * width + FP32 * n * (out + width) for out, width in maps))


def absorb(n):
    return 2 * n * HEADS * LATENT * NOPE, FP16 * HEADS * LATENT * NOPE + n * HEADS * (FP32 * (NOPE + ROPE) + FP16 * CACHED)


def means(n, multiprocessors):
    """Bytes of the splits' means, which attention leaves and the projection reads."""
    return n * latent_splits(n, multiprocessors) * HEADS * (FP16 * LATENT + 2 * FP32)


def attend_latents(n, multiprocessors):
    """Scores over the whole cached token, means over its latent part; each sequence has a cache of its own."""
    return (2 * n * DEPTH * HEADS * (CACHED + LATENT),
            FP16 * n * CACHED * (DEPTH + HEADS) + means(n, multiprocessors))


def project_values(n, multiprocessors):
    return 2 * n * HEADS * V * LATENT, FP16 * HEADS * V * LATENT + FP32 * n * HEADS * V + means(n, multiprocessors)


def prefill_products():
    """cuBLAS, fp16: rows rounded to 16 bits in, fp32 out."""
    return (sum(2 * PROMPT * out * width for out, width in MAPS),
            sum(FP16 * out * width + PROMPT * (FP16 * width + FP32 * out) for out, width in MAPS))


def prefill_attention():
    """Pairs under the diagonal; queries, keys and values once, the result in fp32."""
    pairs = PROMPT * (PROMPT + 1) // 2
    return (2 * pairs * HEADS * (NOPE + ROPE + V),
            PROMPT * (HEADS * (FP16 * (NOPE + ROPE) + FP16 * (NOPE + V) + FP32 * V) + FP16 * ROPE))


def launches(multiprocessors):
    """[(name, flop, bytes)]"""
    rows = []
    for n in (1, 16):
        of = f"decode, {n} row" + "s" * (n > 1)
        rows += [(f"{of}: linear maps of a layer (5 launches)", *linear(MAPS, n)),
                 (f"{of}: the head", *linear([(VOCAB, HIDDEN)], n)),
                 (f"{of}: absorb", *absorb(n)),
                 (f"{of}: values", *project_values(n, multiprocessors)),
                 (f"{of}: attention on latents", *attend_latents(n, multiprocessors))]
    return rows + [(f"prefill, {PROMPT} rows: attention", *prefill_attention()),
                   (f"prefill, {PROMPT} rows: products of a layer", *prefill_products())]


def points():
    """{card: [(letter, name, intensity, attainable flop/s, us, bound)]}: neighbours in intensity share a letter."""
    result, letters = {}, {}
    for card, (bandwidth, peak, multiprocessors) in CARDS.items():
        rows, last, letter = [], 0.0, -1
        for name, flop, size in sorted(launches(multiprocessors), key=lambda r: r[1] / r[2]):
            intensity = flop / size
            if name not in letters:
                if intensity > 1.5 * last:
                    letter += 1
                last = intensity
                letters[name] = chr(ord("A") + letter)
            attainable = min(peak, intensity * bandwidth)
            rows.append((letters[name], name, intensity, attainable, flop / attainable * 1e6,
                         "tensor" if attainable == peak else "memory"))
        result[card] = rows
    return result


# ---- the picture ----

WIDTH, LEFT, RIGHT, TOP, PLOT = 920, 70, 890, 60, 400
X_RANGE, Y_RANGE = (0.5, 1000), (0.1, 60)  # flop/byte, TFLOP/s
ROW = 19


def scale(value, low, high, first, last):
    return first + (last - first) * math.log(value / low) / math.log(high / low)


def x_of(intensity):
    return scale(intensity, *X_RANGE, LEFT, RIGHT)


def y_of(flops):
    return scale(flops / 1e12, *Y_RANGE, TOP + PLOT, TOP)


def text(x, y, words, anchor="start", size=13, colour="#222", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}" '
            f'font-weight="{weight}">{escape(words)}</text>')


def line(x1, y1, x2, y2, colour, width=1.0, dash=""):
    dash = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"{dash}/>'


def draw_axes():
    for value in (1, 10, 100, 1000):
        yield line(x_of(value), TOP, x_of(value), TOP + PLOT, "#ddd")
        yield text(x_of(value), TOP + PLOT + 18, f"{value}", "middle")
    for value in (0.1, 1, 10):
        yield line(LEFT, y_of(value * 1e12), RIGHT, y_of(value * 1e12), "#ddd")
        yield text(LEFT - 8, y_of(value * 1e12) + 4, f"{value}", "end")
    yield f'<rect x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" height="{PLOT}" fill="none" stroke="#888"/>'
    yield text((LEFT + RIGHT) / 2, TOP + PLOT + 38, "arithmetic intensity, flop/byte", "middle")
    yield text(LEFT - 8, TOP - 8, "attainable TFLOP/s", "start")


def draw_roof(card):
    bandwidth, peak, _ = CARDS[card]
    ridge, colour = peak / bandwidth, COLOURS[card]
    yield line(x_of(X_RANGE[0]), y_of(X_RANGE[0] * bandwidth), x_of(ridge), y_of(peak), colour, 2)
    yield line(x_of(ridge), y_of(peak), RIGHT, y_of(peak), colour, 2)
    yield line(x_of(ridge), y_of(peak), x_of(ridge), TOP + PLOT, colour, 1, "3 4")
    before = card == min(CARDS, key=lambda c: CARDS[c][1] / CARDS[c][0])  # the lower ridge has its label on the left
    yield text(x_of(ridge) + (-6 if before else 6), TOP + PLOT - 8, f"ridge {ridge:.0f}", "end" if before else "start", 12,
               colour)


def draw_points(card, rows):
    for _, _, intensity, attainable, _, _ in rows:
        yield (f'<circle cx="{x_of(intensity):.1f}" cy="{y_of(attainable):.1f}" r="5" fill="{COLOURS[card]}" '
               f'fill-opacity="0.6" stroke="white"/>')


def draw_letters(of_cards):
    """Each letter once, over the higher of its points."""
    rows = [row for rows in of_cards.values() for row in rows]
    for letter in sorted({row[0] for row in rows}):
        mine = [row for row in rows if row[0] == letter]
        x = math.exp(sum(math.log(row[2]) for row in mine) / len(mine))
        yield text(x_of(x) - 3, y_of(max(row[3] for row in mine)) - 12, letter, "middle", 15, "#222", "bold")


def draw_key():
    for i, (card, (bandwidth, peak, _)) in enumerate(CARDS.items()):
        y = TOP + 24 + 20 * i
        yield line(LEFT + 14, y - 4, LEFT + 44, y - 4, COLOURS[card], 3)
        yield text(LEFT + 52, y, f"{card}: {bandwidth / 1e9:.0f} GB/s, {peak / 1e12:.1f} TFLOP/s (16-bit products, fp32 sums)")


def draw_table(of_cards):
    y = TOP + PLOT + 70
    columns = [480, 560, 655, 735, 830]
    for i, card in enumerate(of_cards):
        yield text(columns[2 * i] + 40, y, card, "middle", 13, COLOURS[card], "bold")
    for x, title in zip(columns[:4], ("flop/byte", "at least, us") * 2):
        yield text(x, y + ROW, title, "middle", 12, "#555")
    yield text(columns[4], y + ROW, "limit", "middle", 12, "#555")
    seconds = {row[1]: row for row in of_cards["RTX 4060"]}
    for i, (letter, name, intensity, _, us, bound) in enumerate(of_cards["RTX 3060"]):
        other, at = seconds[name], y + ROW * (i + 2)
        yield text(LEFT - 30, at, letter, "start", 13, "#222", "bold")
        yield text(LEFT - 6, at, name)
        for x, value in zip(columns, (f"{intensity:.2f}", f"{us:,.1f}", f"{other[2]:.2f}", f"{other[4]:,.1f}")):
            yield text(x + 24, at, value, "end")
        limit = bound if bound == other[5] else f"{bound} / {other[5]}"
        yield text(columns[4], at, limit, "middle")


def picture(of_cards):
    height = TOP + PLOT + 80 + ROW * (2 + len(next(iter(of_cards.values()))))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
             'font-family="Helvetica, Arial, DejaVu Sans, sans-serif">',
             f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
             text(LEFT, 28, f"What the cards allow the CUDA kernels: computed, not measured (2B shape, depth {DEPTH:,})",
                  size=16, weight="bold")]
    parts += draw_axes()
    for card, rows in of_cards.items():
        parts += draw_roof(card)
        parts += draw_points(card, rows)
    parts += [*draw_letters(of_cards), *draw_key(), *draw_table(of_cards), "</svg>"]
    return "\n".join(parts) + "\n"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    of_cards = points()
    for card, rows in of_cards.items():
        for letter, name, intensity, attainable, us, bound in rows:
            print(f"{card}  {letter}  {name:50} {intensity:8.2f} flop/byte {attainable / 1e12:6.2f} TFLOP/s {us:9.1f} us  {bound}")
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        f.write(picture(of_cards))


if __name__ == "__main__":
    main()
