# ---
# title: "Hardware: what a card can do, and what a run needs"
# part: 4 Combine and scale
# objectives:
#   - predict the speed of a kernel from its arithmetic intensity and two numbers of the machine, and check it
#   - say which peak figures of two cards may be compared, and detect a comparison that may not
#   - count the memory of a training run by weights, gradients, optimizer and activations
#   - compute time and cost of a run, and choose between a consumer and a professional card
# prerequisites:
#   - "lesson 01 (Gradient descent): the gradient of a matrix product"
#   - "lesson 05 (Digits): dense layers, their parameters, Adam"
# data: [hardware]
# reading:
#   - "Williams, Waterman, Patterson, *Roofline: an insightful visual performance model for multicore architectures*, CACM 52(4), 2009, doi:10.1145/1498765.1498785"
#   - "Micikevicius et al., *Mixed precision training*, 2018, arXiv:1710.03740"
#   - "Rajbhandari, Rasley, Ruwase, He, *ZeRO: memory optimizations toward training trillion parameter models*, 2020, arXiv:1910.02054 (16 bytes a parameter)"
#   - "Kaplan et al., *Scaling laws for neural language models*, 2020, arXiv:2001.08361 (6 FLOP a parameter and token)"
#   - "Hoffmann et al., *Training compute-optimal large language models*, 2022, arXiv:2203.15556 (20 tokens a parameter)"
#   - "Chowdhery et al., *PaLM: scaling language modeling with pathways*, 2022, arXiv:2204.02311 (utilization)"
#   - "Korthikanti et al., *Reducing activation recomputation in large transformer models*, 2022, arXiv:2205.05198 (activations)"
# ---

# %% [markdown]
# Which card should you buy, or rent? Tables with dozens of figures answer, and the longest number wins. This lesson
# needs three: how fast a device computes, how fast it reads its memory, and how much memory it has. With the first
# two you will predict the speed of five pieces of arithmetic on the machine in front of you and check the
# predictions. Then you will read published tables with other eyes, and find that a card with four times the rate of
# another can be half as fast.
#
# No graphics card is needed. What is measured here differs from machine to machine, so the text quotes none of it:
# your run prints its own.

# %% tags=["parameters"]
seed: int = 0  # seed of the small network whose bytes are counted, 0 to 1000000
fast: bool = False  # smaller arrays, fewer rounds of measurement and fewer batches
rounds: int = 9  # times that each kernel is timed, 2 to 50, fast 2
megabytes: int = 128  # size of each large array, beyond the cache, 4 to 1024, fast 64
utilization: float = 0.4  # share of its peak that a card reaches, 0.01 to 1
price_consumer: float = 1.0  # an hour on the consumer card, 0.001 to 1000
price_professional: float = 3.0  # an hour on the professional card, 0.001 to 1000

# %%
from course.lesson import begin

begin("16_hardware", globals())

# %% [markdown]
# ## What TensorFlow sees
#
# A processor has a few cores that each do one thing after another, quickly. A **GPU** has thousands of small arithmetic
# units ("CUDA cores" in the language of one vendor) that do the *same* thing to different numbers. Beside them, recent
# ones have *matrix units* ("tensor cores"), which do nothing but multiply small matrices. A GPU on a *card* has a
# memory of its own, much faster than that of the computer, and smaller. A matrix product is thousands of equal sums, so
# it fits; a program full of decisions does not.
#
# TensorFlow asks at its start what there is:

# %% tags=["varies"]
import tensorflow as tf

for device in tf.config.list_physical_devices():
    details = tf.config.experimental.get_device_details(device)
    print(device.device_type, device.name, details.get("device_name", ""))
if not tf.config.list_physical_devices("GPU"):
    print(
        "No GPU: TensorFlow computes on the processor, and all of this lesson works"
        " there."
    )

# %% [markdown]
# A GPU that is listed is used without a word in your program: each operation goes to it when there is a version of the
# operation for it, and `with tf.device("CPU:0"):` keeps a block on the processor. One that you own and that is *not*
# listed usually lacks its driver or the vendor's libraries (on Linux, `pip install "tensorflow[and-cuda]"` brings them;
# on Windows, TensorFlow since 2.11 sees a GPU only inside WSL2; on a Mac it needs a plug-in).

# %% [markdown]
# ## Two limits
#
# Before a number can be multiplied it must arrive. So two things can set the time of a piece of arithmetic (a
# *kernel*): the floating-point operations it does (FLOP), at so many a second, and the bytes that it moves to and
# from memory, at so many a second. If both go on side by side, the longer one counts:
#
# $$ \text{seconds} = \max\left(\frac{\text{FLOP}}{\text{rate}}, \frac{\text{bytes}}{\text{bandwidth}}\right). $$
#
# Which one is longer depends on a single property of the kernel, its **arithmetic intensity**: FLOP done for each
# byte moved. Training consists of such kernels. On `float32`, 4 bytes a number:
#
# | kernel | where training has it | FLOP | bytes moved |
# | --- | --- | --- | --- |
# | $y + a x$ into $y$, $n$ numbers ("axpy") | a step of SGD | $2n$ | $12n$: read $x$, read $y$, write $y$ |
# | $x \cdot y$ | how far two gradients agree | $2n$ | $8n$ |
# | vector of $k$ times $(k, n)$ matrix | one row through a dense layer | $2kn$ | $4(k + kn + n)$ |
# | $(m, k)$ times $(k, n)$ | $m$ rows through a dense layer | ? | ? |
#
# The last line is yours.

# %% [markdown]
# ### Exercise 16.1: the intensity of a matrix product
#
# Write it for an $(m, k)$ matrix times a $(k, n)$ matrix, every matrix moved once. Each number of the result is a sum
# of $k$ products.


# %% tags=["solution"]
def product_intensity(m, k, n, bytes_per_number=4):
    """Return FLOP for each byte moved in an (m, k) times (k, n) product."""
    return 2 * m * k * n / (bytes_per_number * (m * k + k * n + m * n))


# %% tags=["check"]
from course.exercises import exercise, expect_close


def draw(rng):
    sizes = rng.integers(1, 500, 3).tolist()
    return (*sizes, int(rng.choice([1, 2, 8]))) if rng.random() < 0.7 else tuple(sizes)


@exercise("16.1", product_intensity, draw=draw)
def check(intensity):
    for m, k, n, size in [
        (2, 3, 5, 4),
        (1, 4000, 4000, 4),
        (256, 4000, 4000, 4),
        (64, 64, 64, 2),
    ]:
        read, written = m * k + k * n, m * n
        true = 2 * m * k * n / (size * (read + written))
        mistakes = {
            "You always move 4 bytes a number. What of bytes_per_number?": (
                true * size / 4
            ),
            "Exactly right, but the table counts k additions as well, 2k in all.": (
                true * (2 * k - 1) / (2 * k)
            ),
            "Each of the k terms costs two operations, one product and one addition.": (
                true / 2
            ),
            "You divided by how many numbers move. How many bytes is that?": (
                true * size
            ),
            "Both factors are read. And the result: where does it go?": (
                2 * m * k * n / (size * read)
            ),
            "You move the (k, n) matrix for every row. It is moved once.": (
                2 * k * n / (size * (k + k * n + n))
            ),
            "That is bytes for each FLOP: turn it around.": 1 / true,
        }
        found = intensity(m, k, n, size)
        expect_close(
            found,
            true,
            f"({m}, {k}) x ({k}, {n}), {size} bytes a number: not {found}.",
            mistakes,
        )


# %% tags=["wrong"] hint="one product and one addition"
def product_intensity(m, k, n, bytes_per_number=4):
    return m * k * n / (bytes_per_number * (m * k + k * n + m * n))


# %% tags=["wrong"] hint="You always move 4 bytes a number"
def product_intensity(m, k, n, bytes_per_number=4):
    return 2 * m * k * n / (4 * (m * k + k * n + m * n))


# %% tags=["wrong"] hint="the table counts k additions"
def product_intensity(m, k, n, bytes_per_number=4):
    return (2 * k - 1) * m * n / (bytes_per_number * (m * k + k * n + m * n))


# %% tags=["wrong"] hint="where does it go"
def product_intensity(m, k, n, bytes_per_number=4):
    return 2 * m * k * n / (bytes_per_number * (m * k + k * n))


# %% tags=["wrong"] hint="for every row"
def product_intensity(m, k, n, bytes_per_number=4):
    return 2 * m * k * n / (bytes_per_number * m * (k + k * n + n))


# %% tags=["wrong"] hint="How many bytes is that"
def product_intensity(m, k, n, bytes_per_number=4):
    return 2 * m * k * n / (m * k + k * n + m * n)


# %% [markdown]
# Look at what your formula says for square matrices of width $n$: $2n^3$ operations on $12n^2$ bytes, so $n / 6$. It
# grows without limit. The other three kernels of the table stay below 1 however large they are.

# %% [markdown]
# ## This machine
#
# Both numbers are measured: the rate by a product of two square matrices of width 1,024, the bandwidth by a sum of two
# arrays into a third, each of `megabytes` (of $2^{20}$ bytes), which should be far more than your processor's cache
# holds. The five kernels are five others. All are `float32` and run on **one core**, since some of NumPy's operations
# use all cores and some only one. They are timed in turn, and of several rounds the least time counts: disturbances
# only ever add. The clock is that of the core's own work, where the system has a fine one, so that programs beside this
# one cost it little.

# %%
from course.topics.hardware import five_kernels, measure

kernels = five_kernels(megabytes)
for name, kernel in kernels.items():
    print(
        f"{name:26} {kernel.flops / 1e6:9,.0f} MFLOP {kernel.bytes / 1e6:6,.0f} MB"
        f" {kernel.intensity:8.2f} FLOP/byte"
    )

# %% tags=["varies"]
machine, seconds = measure(kernels, megabytes=megabytes, rounds=rounds)
print(
    f"one core: {machine.rate / 1e9:.0f} GFLOP/s and {machine.bandwidth / 1e9:.0f} GB/s"
)
print(f"both limits meet at {machine.ridge:.1f} FLOP/byte: the ridge")

# %% [markdown] tags=["predict"]
# The ridge is where the two limits take equally long. Go through the five kernels with their intensities: which will
# be limited by memory, and which by arithmetic? And what share of the core's arithmetic will the first three use: a
# tenth, half, or all of it?

# %% [markdown]
# ### Exercise 16.2: the roof
#
# Turn the formula for the seconds into one for the rate. At which rate, in FLOP/s, can a kernel of a given intensity
# run at best?


# %% tags=["solution"]
def attainable(rate, bandwidth, intensity):
    """Return the greatest FLOP/s of a kernel, from FLOP/s, bytes/s and FLOP/byte."""
    return min(rate, bandwidth * intensity)


# %% tags=["check"]
def draw(rng):
    return tuple(rng.uniform(0.1, 10, 3).tolist())


@exercise("16.2", attainable, draw=draw)
def check(attainable):
    for rate, bandwidth, intensity in [
        (100, 20, 0.5),
        (100, 20, 5),
        (100, 20, 50),
        (2, 8, 0.1),
        (2, 8, 1),
    ]:
        found, memory = attainable(rate, bandwidth, intensity), bandwidth * intensity
        case = f"rate {rate}, bandwidth {bandwidth}, intensity {intensity}"
        mistakes = {
            (
                "You added both times. They go on side by side, and the longer one "
                "counts."
            ): (1 / (1 / rate + 1 / memory)),
            "bytes/s divided by FLOP/byte is no FLOP/s. Follow the units.": min(
                rate, bandwidth / intensity
            ),
            "Those are the seconds of one FLOP: turn them around.": max(
                1 / rate, 1 / memory
            ),
            (
                f"{case}: {found} is more than the arithmetic can do, or more bytes "
                "than arrive."
            ): max(rate, memory),
        }
        expect_close(
            found, rate if rate < memory else memory, f"{case}: not {found}.", mistakes
        )


# %% tags=["wrong"] hint="more than the arithmetic can do"
def attainable(rate, bandwidth, intensity):
    return max(rate, bandwidth * intensity)


# %% tags=["wrong"] hint="You added both times"
def attainable(rate, bandwidth, intensity):
    return 1 / (1 / rate + 1 / (bandwidth * intensity))


# %% tags=["wrong"] hint="seconds of one FLOP"
def attainable(rate, bandwidth, intensity):
    return max(1 / rate, 1 / (bandwidth * intensity))


# %% tags=["wrong"] hint="Follow the units"
def attainable(rate, bandwidth, intensity):
    return min(rate, bandwidth / intensity)


# %% [markdown]
# Drawn over the intensity, both axes logarithmic, the limit looks like a roof: it rises with the bandwidth and goes
# flat at the rate.

# %% tags=["varies"]
from course.topics.hardware_figures import roofline

title = "One core of this machine: predicted and measured"
roofline(machine, kernels, seconds, title=title)

# %% tags=["varies"]
print(
    f"{'GFLOP/s':26} {'predicted':>9} {'measured':>9} {'share of the rate':>19}"
    f" {'prediction off by':>19}"
)
errors = {}
for name, kernel in kernels.items():
    predicted, measured = (
        machine.attainable(kernel.intensity),
        kernel.flops / seconds[name],
    )
    errors[name] = off = 100 * (predicted / measured - 1)
    print(
        f"{name:26} {predicted / 1e9:9.1f} {measured / 1e9:9.1f}"
        f" {measured / machine.rate:19.0%} {off:+18.0f}%"
    )

# %% [markdown] tags=["answer"]
# Two numbers of the machine and counts made by hand: the last column says how far that carries on yours. **The first
# three are limited by memory.** The share of the rate that the roof leaves them is intensity divided by ridge, and for
# the rest of the time the core waits for numbers. The two products are limited by arithmetic. They are the easier test,
# since a matrix product also measured the rate. The slope is the harder one, for a single "bandwidth" is a
# simplification: most processors read the target of a sum from memory before they overwrite it, a transfer that the
# count leaves out. `axpy` and `dot` move nothing uncounted, so their points can lie *above* the roof. A point *below*
# it belongs to a routine that does not reach the limit.

# %% [markdown]
# So much for single numbers; now the claim. The roofline says that every kernel left of the ridge runs at a lower rate
# than every kernel right of it. And how close does it come?

# %%
rates = {name: kernel.flops / seconds[name] for name, kernel in kernels.items()}
left = max(
    rates[name] for name, kernel in kernels.items() if kernel.intensity < machine.ridge
)
right = min(
    rates[name] for name, kernel in kernels.items() if kernel.intensity > machine.ridge
)
sgd, *others = errors.values()

# %%
from course.claims import bound, spread

bound(
    "16.order",
    "slowest kernel right of the ridge over fastest left of it",
    right / left,
    at_least=1,
    timed=True,
)
spread(
    "16.within_30",
    "kernels of five predicted within 30%",
    sum(abs(off) < 30 for off in errors.values()),
    timed=True,
)
spread(
    "16.sgd_off",
    "how far the prediction for axpy is off",
    sgd,
    unit="%",
    digits=0,
    timed=True,
)
spread(
    "16.others_off",
    "largest error of the other four",
    max(map(abs, others)),
    unit="%",
    digits=0,
    timed=True,
)

# %% [markdown]
# The order holds: the slowest kernel on the right runs at {{16.order}} times the rate of the fastest on the left. The
# size of the rates is another matter. We had hoped to predict all five within 30%, and that was **not reached**:
# {{16.within_30}} of the five lie within it. Where the course was measured, the prediction for `axpy` is off by
# {{16.sgd_off}}, and the largest error of the other four is {{16.others_off}}. The reason for `axpy` is the one above.
# The sum that measured the bandwidth moves four numbers where the count has three, and `axpy` moves the three that it
# is charged with: that alone makes the prediction 25% too low. (These are times: yours differ, and no other machine has
# to repeat them.)

# %% [markdown] tags=["quiz"]
# A new processor multiplies four times as fast and reads its memory no faster. By how much does a step of SGD, `axpy`
# over all weights, speed up?
#
# - [ ] four times
#   That holds for work which waits for arithmetic. `axpy` waits for memory.
# - [ ] twice, the mean of both
#   Times do not average like that: the longer of the two counts, and it has not changed.
# - [x] not at all
#   It lies far left of the ridge, and moving the roof's flat part does not move its slope. (If all weights fit the
#   cache, another roof holds, that of the cache.)
# - [ ] it depends on how many weights there are
#   More weights take longer on both processors alike: each brings its two operations and its bytes.

# %% [markdown]
# ## What the batch buys
#
# A dense layer of 4,000 inputs and 4,000 outputs reads its weights once for a whole batch, so its intensity grows
# with the batch. A row alone lies far left of the ridge, and hundreds lie far right. What happens in between?

# %% [markdown] tags=["predict"]
# One row through this layer takes a certain time, and nearly all of it goes into reading the 64 MB of weights. Two
# rows read the same weights once. So how long will a batch of two take: about the same, twice as long, or longer
# still?

# %% tags=["varies"]
import numpy as np

from course.topics.hardware import matrix_product

batches = [1, 2, 8, 32, 256] if fast else [1, 2, 4, 8, 16, 32, 64, 128, 256]
layer = {f"batch of {m}": matrix_product(m, 4000, 4000) for m in batches}
# the core's two numbers anew, in the same rounds
machine, times = measure(layer, megabytes=megabytes, rounds=rounds)
reached = np.array([kernel.flops / times[name] for name, kernel in layer.items()])
roof = machine.attainable(np.array([kernel.intensity for kernel in layer.values()]))

# %% tags=["varies"]
from course.topics.hardware_figures import batch_roofline

title = "A dense layer, 4,000 to 4,000: what the batch does"
batch_roofline(batches, roof, reached, title=title)

# %% tags=["varies"]
ratio = times["batch of 2"] / times["batch of 1"]
print(f"a batch of 2 takes {ratio:.1f} times as long as a single row")
for m, share in zip(batches, reached / machine.rate, strict=True):
    print(f"batch of {m:3}: {share:4.0%} of the core's rate")

# %% [markdown] tags=["answer"]
# The formula says *about the same*. With OpenBLAS, the library that NumPy brings along on most systems, we measured
# **longer still**: two rows together were slower than two rows one after the other. The cause is in the library. For a
# single row it streams the weights. From two rows on it uses its routine for matrix products, which first copies blocks
# of the matrix into an order that its inner loop likes, and that pays when many rows share the copy. The roofline
# counts only what *must* be moved and does not know of it. (Your run shows no such step? Another library, version or
# processor may have another routine for two rows.)

# %% [markdown]
# **A roof promises nothing**: it says what sets the limit, and around the corner software can stay far below. And **the
# batch buys intensity**: each weight that is read serves more rows. That is one reason why an epoch in large batches
# takes less time (lesson 05 met another, the overhead of a step).

# %% [markdown]
# ## Nine cards and their sources
#
# A card has a roofline as well, only its two numbers are larger. `data/hardware.csv` has them, with a few more, one
# figure a row and with the document that it comes from; a figure for which none was found is missing. All nine are
# NVIDIA's, the vendor whose GPUs the official TensorFlow packages use.

# %%
from course.topics.hardware import devices, sourced_figures

figures = sourced_figures()
print(f"{len(figures)} figures of {figures['device'].nunique()} cards")
for row in figures[figures["device"] == "GeForce RTX 4090"].head(3).itertuples():
    print(f"{row.quantity} = {row.value:g} {row.unit}\n    {row.source}")

# %%
cards = devices()
table = cards[["memory", "bandwidth", "fp32", "fp16"]].div([1e9, 1e9, 1e12, 1e12])
table["ridge"] = cards["fp16"] / cards["bandwidth"]
table.columns = [
    "memory, GB",
    "bandwidth, GB/s",
    "FP32, TFLOP/s",
    "FP16, TFLOP/s",
    "FP16 ridge, FLOP/byte",
]
print(table.round(1).to_string())

# %% [markdown]
# "FP16" is the rate of the matrix units on half-precision numbers, dense, with sums kept in FP32: the figure for
# mixed-precision training. All are published peaks; none was measured here.

# %%
from course.topics.hardware_figures import card_rooflines

drawn = [
    "GeForce RTX 3090",
    "GeForce RTX 4090",
    "GeForce RTX 5090",
    "A100 PCIe 80 GB",
    "L40S",
    "H100 SXM",
]
card_rooflines(cards.loc[drawn], title="Six cards, half precision (published peaks)")

# %% [markdown]
# Find the ridge of a card in the table's last column and compare it with that of your core. **Cards need far more FLOP
# for each byte.** (The comparison flatters the core twice: half-precision numbers, half as large, double a layer's
# intensity, and all cores of a processor share its memory, so that together they have a higher ridge than one.) A layer
# that keeps a core busy can leave a card idle, one reason why a small network often gains nothing from one.
#
# On the slope the order is the order of bandwidth, at the roof that of the rate, and the two orders differ. The L40S
# has the second-highest roof of the six and the lowest slope. "Which is faster?" has no answer without an intensity.

# %% [markdown]
# ## Claims put to the test
#
# Comparisons set the 16,384 CUDA cores and 82.6 TFLOPS of an RTX 4090 against the 6,912 and 19.5 of an A100. All four
# figures are right. So is the consumer card four times as fast?

# %%
consumer, professional = cards.loc["GeForce RTX 4090"], cards.loc["A100 PCIe 80 GB"]
for quantity in ("cuda_cores", "fp32"):
    print(
        f"{quantity:12} {consumer[quantity] / professional[quantity]:.1f} times the"
        " A100's"
    )

# %% [markdown] tags=["predict"]
# You take a Keras program as it is, `float32` and no settings changed, from the A100 to the RTX 4090. Its time goes
# into large matrix products. Will it run four times as fast, at about the same speed, or at half the speed?

# %%
for quantity in ("tf32", "fp16", "bandwidth", "memory", "fp64", "nvlink"):
    print(
        f"{quantity:10} {consumer[quantity] / professional[quantity]:.2f} times the"
        " A100's"
    )

# %% [markdown] tags=["answer"]
# **About half**, if both reach their peaks. 19.5 is the rate of the A100 *outside* its matrix units. Where a card has
# **TF32** (from the A100's generation on), TensorFlow multiplies `float32` matrices in it by default: on the matrix
# units, with factors rounded to ten bits of mantissa. In TF32, in FP16, and in bandwidth the 4090 has a little more
# than half of what the A100 has. The roofline sums it up: slope and flat part shrink by nearly the same factor, so at
# *every* intensity the 4090 is a bit more than half an A100.

# %% [markdown]
# What remains of the four times is arithmetic that neither uses matrix units nor waits for memory. And three lines of
# the table are gaps that none of these rates shows: memory, arithmetic in FP64 (for simulations, hardly for networks),
# and NVLink, the direct road to a second card, which the 4090 does not have.

# %% [markdown]
# ### Three figures for one card
#
# Pages that compare the cards disagree on what a 4090 does in FP16 or with its matrix units, while the A100 has 312 in
# most of them. [One](https://www.fitservers.com/blogs/nvidia-a100-vs-rtx-4090-for-ai-workloads/) gives 82.6, so that
# the A100 is "nearly 4 times" ahead (and warns of just such figures);
# [another](https://deploybase.ai/articles/rtx-4090-vs-a100) gives 165 and calls both TF32; a
# [third](https://www.sipoch.com/en/articles/300330019561821) gives 330 for its matrix units, beside 165.2 for "half
# precision". All of these figures stand in the vendor's own documents. What do they mean there? (`_sparse` is the rate
# when half of the weights are zero in a fixed pattern, `accumulate_fp16` that with sums kept in FP16.)

# %%
peaks = [name for name in cards if name.startswith(("fp16", "tf32", "fp32"))]
for figure_quoted in (82.6, 165, 330, 312):
    for name, card in (("RTX 4090", consumer), ("A100", professional)):
        meanings = [
            peak for peak in peaks if abs(card[peak] / 1e12 - figure_quoted) < 0.5
        ]
        if meanings:
            print(f"{figure_quoted:5} on the {name:8}: {', '.join(meanings)}")

# %% [markdown]
# Three questions take such a figure apart:
#
# 1. **Which precision?** 82.6 is FP32 or TF32 on one card, 312 is FP16 on the other.
# 2. **Dense or sparse?** Zeros in a fixed pattern are skipped, and the rate doubles. Training is dense. The pair 165
#    and 312 under "TF32" is right if both are *sparse*; the page says so of the second only.
# 3. **Sums in FP16 or in FP32?** Sums kept in FP16 overflow and lose small terms, so training keeps them in FP32. The
#    4090 then runs at half the rate, and the A100 does not. Beside 312, the 330 (sums in FP16, or sparse) says nothing
#    about training: that is 165 against 312.

# %% [markdown] tags=["quiz"]
# Two cards. P: 200 TFLOP/s dense and 1,000 GB/s. Q: 400 TFLOP/s "with sparsity" and 2,000 GB/s. Both figures are FP16
# with sums in FP32. Which trains faster?
#
# - [ ] Q, by a factor of two
#   Only where memory sets the time. Where arithmetic does, both have 200 TFLOP/s dense.
# - [ ] they are equal, since dense and sparse cancel
#   Arithmetic is equal. But Q reads its memory twice as fast, and some of the work waits for that.
# - [x] Q up to twice as fast where memory sets the time, equal where arithmetic does
#   Dense, Q has 200 as well: the same flat roof, over a slope twice as steep.
# - [ ] P, since sparse figures are not real
#   Q's figure is real for matrices with the right zeros. Even without them Q is never the slower one.

# %% [markdown]
# ## What must fit
#
# A rate that is half as high takes twice as long. Memory that is half as large does not take longer: it does not
# work. A training step keeps, for every parameter,
#
# - the **weight** and its **gradient**;
# - what the **optimizer** remembers: nothing for plain SGD, one number for momentum, two for Adam (lesson 10);
# - in **mixed precision** weights and gradients are FP16, and a float32 *copy of the weights* is kept beside them,
#   for an update far smaller than a weight is lost when it is added in FP16.
#
# Whatever the optimizer keeps is float32 in either case.

# %% [markdown]
# ### Exercise 16.3: bytes a parameter
#
# Count them for `optimizer` "sgd", "momentum" or "adam" and `precision` "full" (all float32) or "mixed".


# %% tags=["solution"]
def bytes_per_parameter(optimizer, precision):
    """Return the bytes that a training step keeps for each parameter."""
    moments = 4 * {"sgd": 0, "momentum": 1, "adam": 2}[optimizer]
    return (4 + 4 if precision == "full" else 2 + 2 + 4) + moments


# %% tags=["check"]
def draw(rng):
    names = rng.choice(["sgd", "momentum", "adam"]), rng.choice(["full", "mixed"])
    return tuple(map(str, names))


@exercise("16.3", bytes_per_parameter, draw=draw)
def check(count):
    stays = "What an optimizer keeps stays float32."
    cases = [
        (
            "sgd",
            "full",
            8,
            "SGD keeps nothing of its own. Are weights and gradients both counted?",
        ),
        (
            "momentum",
            "full",
            12,
            "Momentum keeps one float32 number for each parameter.",
        ),
        (
            "adam",
            "full",
            16,
            "Adam keeps two float32 numbers: the means of g and of g squared.",
        ),
        (
            "sgd",
            "mixed",
            8,
            "Weights and gradients in FP16, and what is kept beside them?",
        ),
        ("momentum", "mixed", 12, stays),
        ("adam", "mixed", 16, stays),
    ]
    for optimizer, precision, true, hint in cases:
        found = count(optimizer, precision)
        expect_close(
            found, true, f"{optimizer}, {precision}: you return {found}. {hint}"
        )


# %% tags=["wrong"] hint="what is kept beside them"
def bytes_per_parameter(optimizer, precision):
    moments = 4 * {"sgd": 0, "momentum": 1, "adam": 2}[optimizer]
    return (4 + 4 if precision == "full" else 2 + 2) + moments


# %% tags=["wrong"] hint="Are weights and gradients both counted"
def bytes_per_parameter(optimizer, precision):
    moments = 4 * {"sgd": 0, "momentum": 1, "adam": 2}[optimizer]
    return (4 if precision == "full" else 2 + 4) + moments


# %% tags=["wrong"] hint="stays float32"
def bytes_per_parameter(optimizer, precision):
    moments = {"sgd": 0, "momentum": 1, "adam": 2}[optimizer]
    return 8 + 4 * moments if precision == "full" else 2 + 2 + 4 + 2 * moments


# %% tags=["wrong"] hint="the means of g and of g squared"
def bytes_per_parameter(optimizer, precision):
    return 8 if optimizer == "sgd" else 12


# %% [markdown]
# Does Keras agree? A network can simply be asked, in both precisions:

# %%
import keras

for policy in ("float32", "mixed_float16"):
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Dense(128, "relu", dtype=policy),
        keras.layers.Dense(10, dtype=policy),
    ]
    model = keras.Sequential([keras.Input((784,)), *layers])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    # not its two counters
    moments = [variable for variable in model.optimizer.variables if variable.ndim]
    weights, state = (
        sum(v.numpy().nbytes for v in group) for group in (model.variables, moments)
    )
    # a gradient is as large as its weights
    total = (2 * weights + state) / model.count_params()
    print(
        f"{policy:13} computes in {layers[0].compute_dtype}, keeps"
        f" {layers[0].kernel.dtype}: {total:.0f} bytes a parameter"
    )

# %% [markdown]
# **Sixteen bytes with Adam, in both.** Mixed precision saves nothing here: what FP16 saves on weights and gradients,
# the float32 copy takes again. (Keras keeps the books in another order: its variables are the float32 copy, and the
# FP16 weights are made as they are needed. The published ledger of 2 + 2 + 4 + 8 comes to the same.) What mixed
# precision saves is *time*, for matrix units do FP16 at twice the rate of TF32, and memory for *activations*.

# %% [markdown] tags=["predict"]
# How large a model can be trained with Adam on a card with 24 GB: 24, 12, 6 or 1.5 billion parameters, if nothing but
# the sixteen bytes had to fit?

# %%
from course.topics.hardware import training_bytes

for parameters in (124e6, 7e9):
    parts = training_bytes(parameters, optimizer="adam", precision="mixed")
    total = sum(parts.values())
    print(
        f"{parameters / 1e6:,.0f} million parameters: {total / 1e9:.3g} GB; fits 24 GB:"
        f" {total <= 24e9}"
    )
    print("   ", ", ".join(f"{part} {size / 1e9:.3g}" for part, size in parts.items()))
print(
    f"24 GB hold {consumer['memory'] / 16 / 1e9:.3g} billion parameters, 80 GB"
    f" {professional['memory'] / 16 / 1e9:.3g}"
)

# %%
from course.topics.hardware_figures import memory_needed

drawn = ["GeForce RTX 4090", "L40S", "A100 PCIe 80 GB"]
title = "Memory for weights, gradients and optimizer"
memory_needed(cards["memory"][drawn], title=title)

# %% [markdown] tags=["answer"]
# **1.5 billion.** A model of 124 million fits easily. One of 7 billion needs 112 GB for its state alone, more than any
# card in the table has; no consumer card there holds even Adam's two numbers. Both axes are logarithmic: the three
# cards differ little more than threefold, the models drawn ten thousandfold.

# %% [markdown]
# ### And the activations
#
# They grow with the batch, and the state does not. For one layer of a transformer with 16-bit activations, Korthikanti
# et al. (2022) count $s b h\,(34 + 5 a s / h)$ bytes, for $b$ sequences of $s$ tokens, width $h$ and $a$ heads. (The
# scores over the vocabulary come on top.) The model of 124 million has 12 layers, a width of 768 and 12 heads; take
# sequences of 1,024 tokens:

# %%
for batch in (1, 8, 24):
    activations = 12 * 1024 * batch * 768 * (34 + 5 * 12 * 1024 / 768)
    total = sum(training_bytes(124e6, activations=activations).values())
    share = activations / total
    print(
        f"batch {batch:2}: {total / 1e9:5.1f} GB, {share:.0%} of it activations; fits"
        f" 24 GB: {total <= 24e9}"
    )

# %% [markdown]
# The same model fits or not **by its batch**. That is also the way out: a smaller batch, with the gradients of several
# added up before a step (`gradient_accumulation_steps` of a Keras optimizer, which keeps their sum: four bytes more a
# parameter). The paper has another: compute the attention again for the gradient, and $5 a s / h$ falls away. Neither
# makes the state smaller.

# %% [markdown]
# ## Time and cost
#
# One token (or row) costs about 6 FLOP a parameter: a product and an addition forward, twice that backward, for the
# gradient has two matrix products where the forward pass has one. So a run takes
#
# $$ \text{seconds} = \frac{6 \times \text{parameters} \times \text{tokens}}{\text{rate} \times \text{utilization}}. $$
#
# The utilization is what the roofline, the software and the waiting leave of the peak. Published large runs reach from
# 0.21 to 0.46 (table 3 of Chowdhery et al., 2022); it is a parameter of this lesson. So are two prices: they change
# weekly, so put in those of your own offers (the defaults are no offers). We take as many tokens as Hoffmann et al.
# (2022) advise, 20 a parameter:

# %%
from course.topics.hardware import Offer, training_seconds

offers = [
    Offer("consumer", consumer["memory"], consumer["fp16"], price_consumer),
    Offer(
        "professional", professional["memory"], professional["fp16"], price_professional
    ),
]
for parameters in (124e6, 1.3e9, 7e9):
    for offer in offers:
        hours = (
            training_seconds(
                parameters, 20 * parameters, rate=offer.rate, utilization=utilization
            )
            / 3600
        )
        print(
            f"{parameters / 1e9:5.3g} billion, {offer.name:12} {hours:9,.0f} hours,"
            f" costs {hours * offer.price:9,.0f}"
        )

# %% [markdown]
# Ten times the parameters take a hundred times as long, since the tokens grow with them. (Both cards are given the same
# utilization; measure your own before you pay. The last two lines ignore that the model does not fit: read them as
# hours of cards, as if many shared state and work equally.)
#
# Such a formula is easily fed the wrong unit, and the answer looks like any other. So the calculator refuses what
# cannot be meant, and says what can:

# %%
mistakes = {
    "TFLOP/s instead of FLOP/s": {"rate": 312},
    "percent": {"utilization": 40},
    "billions": {"parameters": 0.124},
    "a sign": {"tokens": -2.5e9},
    "nothing": {"tokens": 0},
    "text": {"parameters": "7B"},
}
good = {"parameters": 124e6, "tokens": 2.5e9, "rate": 312e12, "utilization": 0.4}
for mistake, wrong in mistakes.items():
    try:
        training_seconds(**good | wrong)
    except ValueError as error:
        print(f"{mistake:26} {error}")

# %% [markdown]
# ## The verdict
#
# Consumer or professional? First what fits, then what is cheaper: of the cards with enough memory, take the one whose
# FLOP cost least. (State with Adam, without activations.)

# %%
from course.topics.hardware import choose


def verdict(parameters, offers):
    """The name of the card to rent for a model of this size, trained with Adam."""
    chosen = choose(sum(training_bytes(parameters).values()), offers)
    return chosen.name if chosen else "several cards"


for parameters in (124e6, 350e6, 1.3e9, 3e9, 7e9):
    print(
        f"{parameters / 1e9:5.3g} billion, {16 * parameters / 1e9:5.1f} GB:"
        f" {verdict(parameters, offers)}"
    )

# %% [markdown]
# With the prices preset, the verdict **flips with the size of the model**: consumer as long as its state fits, up to
# 1.5 billion parameters, professional up to 5 billion, and beyond that neither alone. Then the road between the cards
# matters, too (NVLink, or what lesson 15 measures).
#
# Memory alone decides where the verdict flips, as long as FLOP are cheaper on the consumer card. When are they? How
# much dearer may the hour of the professional card be?

# %%
even = professional["fp16"] / consumer["fp16"]
print(f"the A100 does in an hour what the 4090 does in {even:.2f} hours")
for ratio in (1.2, 1.8, 2.0, 4.0):
    dearer = [
        Offer(offer.name, offer.memory, offer.rate, price)
        for offer, price in zip(offers, (1, ratio), strict=True)
    ]
    print(
        f"A100 at {ratio} times the price: 124 million parameters on the"
        f" {verdict(124e6, dearer)} card"
    )

# %% [markdown]
# Below that ratio the professional card wins at *every* size that it holds, above it the consumer card wins wherever
# the model fits. A price list and one division decide, and neither CUDA cores nor 82.6 enter.
#
# What the calculator leaves out: power and the machine around the card, error-correcting memory, drivers and licenses,
# whether your framework uses the card well, and the value of your own time.

# %% [markdown]
# ## What you have learned
#
# - A kernel runs at best at the smaller of the rate and bandwidth times intensity. On the slope arithmetic waits, at
#   the flat roof memory does; around the corner software may reach neither.
# - A matrix product gains intensity with its size, the batch is one of its sizes, and sums over arrays gain none.
# - Peak figures compare when precision, density and the precision of sums are the same. FP32 figures outside the
#   matrix units say little about training.
# - With Adam a parameter takes sixteen bytes in full and in mixed precision; activations come on top and grow with
#   the batch.
# - Six FLOP a parameter and token, over rate times utilization, is the time. Memory decides what is possible, the
#   price of a FLOP what is cheaper.
#
# ## Try next
#
# - Set `megabytes` to 4, so that the arrays fit the cache of many processors. Where is the ridge now, and which of the
#   kernels gain?
# - Compute the intensity of the layer of 4,000 in FP16, and the batch from which an A100 is limited by arithmetic.
#   Compare with the batch that your core needed.
# - Count a step of training of lesson 05's network (784-128-128-10, batches of 128): intensity of each product, time
#   by the roofline. How much of an epoch does it explain?
# - Change `verdict` so that it takes two consumer cards when half of the state fits each. What must they exchange in
#   every step, and over which road?
