# ---
# title: "Hardware: what a card can do, and what a run needs"
# part: 4 Combine and scale
# objectives:
#   - predict the speed of a kernel from its arithmetic intensity and two numbers of your machine, and check it
#   - tell which peak figures of two cards you may compare, and spot an unfair comparison
#   - count the memory of a training run - weights, gradients, optimizer state and activations
#   - train in mixed precision, and explain what loss scaling is for
#   - compute the time and the cost of a run, and choose between a consumer and a professional card
# prerequisites:
#   - "lesson 01 (Gradient descent): the gradient of a matrix product"
#   - "lesson 05 (Digits): dense layers, their parameters, Adam"
# data: [hardware, mnist]
# vary: {utilization: [0.3, 0.35, 0.45, 0.5]}
# reading:
#   - "Williams, Waterman, Patterson, *Roofline: an insightful visual performance model for multicore architectures*, CACM 52(4), 2009, doi:10.1145/1498765.1498785"
#   - "Micikevicius et al., *Mixed precision training*, 2018, arXiv:1710.03740"
#   - "Rajbhandari, Rasley, Ruwase, He, *ZeRO: memory optimizations toward training trillion parameter models*, 2020, arXiv:1910.02054 (16 bytes per parameter)"
#   - "Kaplan et al., *Scaling laws for neural language models*, 2020, arXiv:2001.08361 (6 FLOP per parameter and token)"
#   - "Hoffmann et al., *Training compute-optimal large language models*, 2022, arXiv:2203.15556 (20 tokens per parameter)"
#   - "Chowdhery et al., *PaLM: scaling language modeling with pathways*, 2022, arXiv:2204.02311 (utilization)"
#   - "Korthikanti et al., *Reducing activation recomputation in large transformer models*, 2022, arXiv:2205.05198 (activations)"
# ---

# %% [markdown]
# Which card should you buy or rent? Comparison tables answer with dozens of numbers, and the largest one wins. You need
# only three: how fast a device computes, how fast it reads its memory, and how much memory it has.
#
# With the first two, you will predict the speed of five pieces of arithmetic on your own machine and check the
# predictions. Then you will read published tables with a more critical eye, and find out whether a card with four times
# the rate is four times as fast. You do not need a graphics card.

# %% tags=["parameters"]
seed: int = 0  # seed of the small networks, 0 to 1000000
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
# A processor has a few cores, and each of them does one thing after another, quickly. A **GPU** has thousands of small
# arithmetic units (one vendor calls them CUDA cores), which do the *same* thing to different numbers. Recent GPUs also
# have *matrix units* (tensor cores), which only multiply small matrices. A GPU on a *card* has its own memory, which is
# much faster than that of the computer, and smaller. A matrix product consists of thousands of sums of the same form,
# so it suits a GPU. A program full of decisions does not.
#
# TensorFlow tells you what it has found:

# %% tags=["varies"]
import tensorflow as tf

for device in tf.config.list_physical_devices():
    details = tf.config.experimental.get_device_details(device)
    print(device.device_type, device.name, details.get("device_name", ""))
if not tf.config.list_physical_devices("GPU"):
    print("No GPU: TensorFlow uses the processor. All of this lesson works there.")

# %% [markdown]
# If TensorFlow lists a GPU, it uses it, and your program need not change. To keep a block on the processor, write
# `with tf.device("CPU:0"):`. If you own a GPU that is *not* listed, its driver or the vendor's libraries are usually
# missing. On Linux, `pip install "tensorflow[and-cuda]"` installs the libraries. On Windows, TensorFlow 2.11 and later
# see a GPU only inside WSL2. On a Mac, you need a plug-in.

# %% [markdown]
# ## Two limits
#
# Before a number can be multiplied, it must arrive from memory:

# %%
from course.topics.hardware_figures import two_limits

two_limits()

# %% [markdown]
# A piece of arithmetic that runs as a whole, such as a matrix product, is called a *kernel*. Two things can set its
# time. One is the number of its floating-point operations (FLOP), divided by the rate at which the device performs
# them. The other is the number of bytes it moves to and from memory, divided by the bandwidth. If computing and moving
# go on at the same time, the longer of the two times counts:
#
# $$ \text{seconds} = \max\left(\frac{\text{FLOP}}{\text{rate}}, \frac{\text{bytes}}{\text{bandwidth}}\right). $$
#
# On a given device, which one is longer depends on a single property of the kernel, its **arithmetic intensity**: the
# FLOP it does per byte it moves. Training a dense network is made mostly of kernels like those in this table. With
# `float32`, a number takes 4 bytes:
#
# | kernel | where training uses it | FLOP | bytes moved |
# | --- | --- | --- | --- |
# | $y + a x$ into $y$, $n$ numbers ("axpy") | a step of SGD | $2n$ | $12n$: read $x$, read $y$, write $y$ |
# | $x \cdot y$ | how far two gradients agree | $2n$ | $8n$ |
# | vector of $k$ times $(k, n)$ matrix | one row through a dense layer | $2kn$ | $4(k + kn + n)$ |
# | $(m, k)$ times $(k, n)$ | $m$ rows through a dense layer | ? | ? |
#
# The last line is yours to fill in.

# %% [markdown]
# ### Exercise 16.1: the intensity of a matrix product
#
# Write the intensity of an $(m, k)$ matrix times a $(k, n)$ matrix, where every matrix is moved once, including the
# result. Each number of the result is a sum of $k$ products. Count a product and an addition for each of them, as the
# table does. `bytes_per_number` is 4 for `float32` and 2 for `float16`.


# %% tags=["solution"]
def product_intensity(m, k, n, bytes_per_number=4):
    """Return the FLOP per byte moved in an (m, k) times (k, n) product."""
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
            "You always move 4 bytes a number. Use bytes_per_number.": (
                true * size / 4
            ),
            "That is exact, but the table counts k additions as well, 2k in all.": (
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
            "That is bytes per FLOP. Turn it around.": 1 / true,
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
# Put square matrices of width $n$ into your formula: their intensity grows with $n$, without limit. The other three
# kernels of the table stay below 1, however large they are.

# %% [markdown]
# ## Your machine
#
# Now measure both numbers of your machine. For the rate, we multiply two square matrices of width 1,024. For the
# bandwidth, we add two large arrays into a third. (`megabytes` sets their size, which should be far beyond the cache
# of your processor.) Then we time five other kernels. Three details make the times comparable:
#
# - All arrays are `float32`, and everything runs on **one core**, because some NumPy operations use all cores and
#   others only one.
# - The kernels take turns, and the shortest of several times counts, because a disturbance can only add time.
# - Where the system allows it, the clock counts only the core's work for this program, not for others.

# %%
from course.topics.hardware import five_kernels, measure

kernels = five_kernels(megabytes)
for name, kernel in kernels.items():
    counts = f"{kernel.flops / 1e6:9,.0f} MFLOP {kernel.bytes / 1e6:6,.0f} MB"
    print(f"{name:26} {counts} {kernel.intensity:8.2f} FLOP/byte")

# %% tags=["varies"]
machine, seconds = measure(kernels, megabytes=megabytes, rounds=rounds)
print(f"rate {machine.rate / 1e9:.0f} GFLOP/s of one core")
print(f"bandwidth {machine.bandwidth / 1e9:.0f} GB/s")
print(f"the two limits meet at {machine.ridge:.1f} FLOP/byte, the ridge")

# %% [markdown] tags=["predict"]
# A kernel at the ridge takes as long to compute as to move its bytes. Go through the five kernels and their
# intensities. Which ones will be limited by memory, and which ones by arithmetic? And how much of the core's rate will
# the first three use: about a tenth, half, or all of it?

# %% [markdown]
# ### Exercise 16.2: the roof
#
# Turn the formula for the seconds into one for the rate. What is the highest rate, in FLOP/s, at which a kernel of a
# given intensity can run?


# %% tags=["solution"]
def attainable(rate, bandwidth, intensity):
    """Return the highest FLOP/s of a kernel, from FLOP/s, bytes/s and FLOP/byte."""
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
                "You added both times. They run at the same time, so the longer one "
                "counts."
            ): (1 / (1 / rate + 1 / memory)),
            "bytes/s divided by FLOP/byte is not FLOP/s. Follow the units.": min(
                rate, bandwidth / intensity
            ),
            "Those are the seconds of one FLOP. Turn them around.": max(
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
# Plot this limit against the intensity, with both axes logarithmic, and it looks like a roof. It rises with the
# bandwidth and becomes flat at the rate.

# %% tags=["varies"]
from course.topics.hardware_figures import roofline

title = "One core of this machine: predicted and measured"
roofline(machine, kernels, seconds, title=title)

# %% tags=["varies"]
print(f"{'GFLOP/s':24} predicted  measured  share of the rate  prediction off by")
errors = {}
for name, kernel in kernels.items():
    predicted = machine.attainable(kernel.intensity)
    measured = kernel.flops / seconds[name]
    errors[name] = 100 * (predicted / measured - 1)
    both = f"{predicted / 1e9:9.1f} {measured / 1e9:9.1f}"
    print(f"{name:24} {both} {measured / machine.rate:17.0%} {errors[name]:+17.0f}%")

# %% [markdown] tags=["answer"]
# **Memory limits the first three.** The roof leaves them a share of the rate: their intensity divided by the ridge. On
# the course's machine that is **about a tenth**. The rest of the time, the core waits for numbers. **Arithmetic limits
# the two matrix products.**
#
# The products are the easier test, because we also used a matrix product to measure the rate. The three kernels on the
# slope are the harder test, because a single "bandwidth" is a simplification. We measured it with a sum of two arrays.
# Most processors read the array for the result from memory before they overwrite it, and our count leaves this transfer
# out. `axpy` and `dot` have no such hidden transfer, so their points can lie *above* the roof. A point *below* the roof
# belongs to a routine that does not reach the limit. Where `axpy` lies above the roof and `dot` does not, the routine
# for `dot` probably uses less than the full bandwidth.

# %% [markdown]
# The roofline makes a claim that can fail: every kernel to the left of the ridge runs at a lower rate than every kernel
# to the right of it. Check that, and how close its predictions come:

# %%
rates = {name: kernel.flops / seconds[name] for name, kernel in kernels.items()}
limited_by_memory = [name for name in rates if kernels[name].intensity < machine.ridge]
left = max(rates[name] for name in limited_by_memory)
right = min(rates[name] for name in rates if name not in limited_by_memory)
sgd, *others = errors.values()
furthest = max(map(abs, others))
close = sum(abs(error) < 30 for error in errors.values())
timed = {"digits": 0, "timed": True}
percent = timed | {"unit": "%"}

# %%
from course.claims import bound, spread

bound(
    "16.order",
    "slowest kernel right of the ridge over fastest left of it",
    right / left,
    at_least=1,
    digits=1,
    timed=True,
)

# %%
spread("16.within_30", "kernels of five predicted within 30%", close, **timed)
spread("16.sgd_off", "how far the prediction for axpy is off", sgd, **percent)
spread("16.others_off", "largest error of the other four", furthest, **percent)

# %% [markdown]
# The order holds. On the course's machine, the slowest kernel on the right ran at {{16.order}} times the rate of the
# fastest one on the left.
#
# The sizes of the rates are harder to predict. Our goal was an error below 30% for all five kernels in every run. In
# full mode, the course's machine reached it: the number of kernels within the limit was {{16.within_30}}, with every
# seed. The prediction for `axpy` was off by {{16.sgd_off}}, and the largest error of the other four was
# {{16.others_off}}. You know the reason for `axpy`. The sum that measures the bandwidth really moves four numbers, but
# we count three, so the measured bandwidth is too low. `axpy` moves the three numbers that we count. If nothing else
# mattered, its prediction would be 25% too low. (These numbers come from times, so yours will differ.)

# %% [markdown] tags=["quiz"]
# A new processor multiplies four times as fast but reads its memory at the same speed. How much faster is a step of
# SGD, an `axpy` over all weights?
#
# - [ ] four times as fast
#   That holds for work that waits for arithmetic. `axpy` waits for memory.
# - [ ] twice as fast, about the mean of both
#   Times do not average like that. The longer of the two counts, and that one has not changed.
# - [x] no faster
#   `axpy` lies far to the left of the ridge. A higher flat part of the roof does not move the slope. (If all the
#   weights fit into the cache, the bandwidth of the cache counts instead.)
# - [ ] it depends on the number of weights
#   More weights take longer on both processors alike, because each weight brings its own operations and bytes.

# %% [markdown]
# ## What the batch buys
#
# A dense layer with 4,000 inputs and 4,000 outputs reads its weights once for a whole batch. So its intensity grows
# with the batch. A single row lies far to the left of the ridge, and a few hundred rows lie far to the right. What
# happens in between?

# %% [markdown] tags=["predict"]
# One row takes a certain time in this layer, and nearly all of it goes into reading the 64 MB of weights. Two rows
# need the same weights, read once. How long will a batch of two take: about as long as one row, twice as long, or
# longer still?

# %% tags=["varies"]
import numpy as np

from course.topics.hardware import matrix_product

batches = [1, 2, 8, 32, 256] if fast else [1, 2, 4, 8, 16, 32, 64, 128, 256]
layer = {f"batch of {m}": matrix_product(m, 4000, 4000) for m in batches}
# measure the core's rate and bandwidth again, in the same rounds
core, times = measure(layer, megabytes=megabytes, rounds=rounds)
reached = np.array([kernel.flops / times[name] for name, kernel in layer.items()])
roof = core.attainable(np.array([kernel.intensity for kernel in layer.values()]))

# %% tags=["varies"]
from course.topics.hardware_figures import batch_roofline

title = "A dense layer, 4,000 to 4,000, by the size of the batch"
batch_roofline(batches, roof, reached, title=title)

# %% tags=["varies"]
ratio = times["batch of 2"] / times["batch of 1"]
print(f"a batch of 2 takes {ratio:.1f} times as long as a single row")
for m, share in zip(batches, reached / core.rate, strict=True):
    print(f"batch of {m:3}: {share:4.0%} of the core's rate")

# %% [markdown] tags=["answer"]
# According to the formula, a batch of two takes about as long as a single row. On the course's machine it took **longer
# still**: {{16.two_rows}} times as long. The reason is probably in OpenBLAS, the library that NumPy ships with on most
# systems. For a single row, it streams the weights. From two rows on, it uses its routine for matrix products, which
# first copies blocks of the matrix into an order that suits its inner loop. That pays off when many rows share the
# copy. The roofline counts only what *must* be moved, so it does not know about the copy. (With another library or
# processor, your run may look different.)

# %%
spread("16.two_rows", "time of two rows over that of one", ratio, digits=1, timed=True)

# %% [markdown]
# Take two things from this figure. First, **a roof is a limit, not a promise**: software can stay far below it,
# especially near the ridge. Second, **the batch buys intensity**, because each weight, once read, serves more rows.
# That is one reason why an epoch of large batches takes less time. (Lesson 05 showed another one, the overhead of a
# step.)

# %% [markdown]
# ## Nine cards and their sources
#
# A card has a roofline too, with larger numbers. The file `data/hardware.csv` holds these numbers and a few more, one
# figure per row, each with the document it comes from. A figure is missing if we found no source for it. All nine
# cards are from NVIDIA, the vendor whose GPUs the official TensorFlow packages support.

# %%
from course.topics.hardware import devices, sourced_figures

figures = sourced_figures()
print(f"{len(figures)} figures of {figures['device'].nunique()} cards")
for row in figures[figures["device"] == "H100 SXM"].head(3).itertuples():
    print(f"{row.quantity} = {row.value:g} {row.unit}\n    {row.source}")

# %%
cards = devices()


def peak_table(cards):
    """Return the published peaks of cards in the usual units, and their ridges."""
    table = cards[["memory", "bandwidth", "fp32", "fp16"]].div([1e9, 1e9, 1e12, 1e12])
    table.columns = ["memory, GB", "bandwidth, GB/s", "FP32, TFLOP/s", "FP16, TFLOP/s"]
    table["FP16 ridge, FLOP/byte"] = cards["fp16"] / cards["bandwidth"]
    return table.round(1).to_string()


compared = ["GeForce RTX 4090", "A100 PCIe 40 GB", "A100 PCIe 80 GB"]
print(peak_table(cards.drop(index=compared)))  # those three come later

# %% [markdown]
# "FP16" is the rate of the matrix units on half-precision numbers, for dense matrices, with the sums kept in FP32. It
# is the figure that counts for mixed-precision training. All of these are published peaks. We measured none of them.

# %% [markdown]
# Compare the ridges in the last column of the table with that of your core. **A card needs far more FLOP per byte to
# stay busy.** So a layer that keeps a core busy can leave a card idle, which is one reason why a small network often
# gains nothing from a card. (The comparison exaggerates the difference in two ways. Half-precision numbers are half as
# large, so they double the intensity of a layer. And all cores of a processor share its memory, so together they have a
# higher ridge than one core.)

# %% [markdown]
# ## Claims put to the test
#
# Comparisons of an RTX 4090 with an A100 often list 16,384 against 6,912 CUDA cores, and 82.6 against 19.5 TFLOPS
# (trillion FLOP per second). (One example is the second of the pages linked below; it rounds the 82.6.) All four
# figures are the vendor's own. Does that make the RTX 4090, the consumer card, four times as fast?

# %%
consumer = cards.loc["GeForce RTX 4090"]
professional = cards.loc["A100 PCIe 80 GB"]


def compare(*quantities):
    for quantity in quantities:
        ratio = consumer[quantity] / professional[quantity]
        print(f"{quantity:12} {ratio:.2f} times the A100's")


compare("cuda_cores", "fp32")

# %% [markdown] tags=["predict"]
# You move a Keras program from the A100 to the RTX 4090 and change nothing: `float32`, no special settings. Most of
# its time goes into large matrix products. Will it run four times as fast, at about the same speed, or at about half
# the speed?

# %%
compare("tf32", "fp16", "bandwidth", "memory", "fp64", "nvlink")

# %% [markdown] tags=["answer"]
# **At about half the speed**, if both cards reach their peaks. The A100's 19.5 TFLOPS is its rate *outside* the matrix
# units. Since the generation of the A100, cards have **TF32**, and TensorFlow uses it by default to multiply `float32`
# matrices. The matrix units do the work and round the factors to a ten-bit mantissa. In TF32, in FP16 and in bandwidth,
# the 4090 has a little more than half of what the A100 has. So its whole roof, both slope and flat part, is lower by
# nearly the same factor, at *every* intensity.

# %%
print(peak_table(cards.loc[compared]))

# %%
from course.topics.hardware_figures import card_rooflines

consumer_cards = cards.loc[["GeForce RTX 3090", "GeForce RTX 4090", "GeForce RTX 5090"]]
professional_cards = cards.loc[["A100 PCIe 80 GB", "L40S", "H100 SXM"]]
markets = {"consumer": consumer_cards, "professional": professional_cards}
card_rooflines(markets, title="Six cards in half precision (published peaks)")

# %% [markdown]
# (Each panel shows the cards of the other one in gray.) On the slope, the bandwidth decides the order of the cards. On
# the flat part, the rate decides it. The two orders differ: the L40S has the second-highest roof of the six and the
# lowest slope. So "which card is faster?" has no answer until you know the intensity. For the RTX 4090 and the A100 the
# two orders agree.
#
# The factor of four remains only for arithmetic that uses no matrix units and does not wait for memory. Three lines of
# the comparison printed above are about other things: memory, FP64 arithmetic (used in simulations, hardly ever in
# networks), and NVLink, a direct link to a second card, which the 4090 lacks.

# %% [markdown]
# ### Three figures for one card
#
# Comparisons disagree about what a 4090 does in FP16 or with its matrix units, while most agree on 312 for the A100:
#
# - [One page](https://www.fitservers.com/blogs/nvidia-a100-vs-rtx-4090-for-ai-workloads/) gives 82.6, which puts the
#   A100 "nearly 4 times" ahead. (It also warns about such figures.)
# - [Another](https://deploybase.ai/articles/rtx-4090-vs-a100) gives 165 next to the A100's 312, and calls both figures
#   TF32.
# - A [third](https://www.sipoch.com/en/articles/300330019561821) gives 330 for the matrix units, next to 165.2 for
#   "half precision".
#
# All three figures appear in the vendor's own documents. What do they mean there? In the names below, `_sparse` is the
# rate when half of the weights are zero in a fixed pattern, and `accumulate_fp16` is the rate with sums kept in FP16.

# %%
peaks = [name for name in cards if name.startswith(("fp16", "tf32", "fp32"))]
for claimed in (82.6, 165, 330, 312):
    for name, card in (("RTX 4090", consumer), ("A100", professional)):
        same = [peak for peak in peaks if abs(card[peak] / 1e12 - claimed) < 0.5]
        if same:
            print(f"{claimed:5} on the {name:8}: {', '.join(same)}")

# %% [markdown]
# Three questions help you judge such a figure:
#
# 1. **Which number format?** 82.6 is FP32 or TF32 on one card, while 312 is FP16 on the other.
# 2. **Dense or sparse?** The card skips zeros in a fixed pattern, which doubles the rate. But training is dense. The
#    pair of 165 and 312, called TF32, is correct only if both are *sparse*, and the page says so only for the second.
# 3. **Sums in FP16 or in FP32?** Sums in FP16 overflow and lose small terms, so training keeps them in FP32. That
#    halves the rate of the 4090 but not that of the A100. So the fair pair for training is 165 against 312, not 330
#    against 312.

# %% [markdown] tags=["quiz"]
# Card P has 200 TFLOP/s dense and 1,000 GB/s. Card Q has 400 TFLOP/s "with sparsity" and 2,000 GB/s. Both rates are
# FP16 with sums in FP32. Which one trains faster?
#
# - [ ] Q, by a factor of two
#   Only where memory sets the time. Where arithmetic sets it, both have 200 TFLOP/s dense.
# - [ ] they are equal, because both have 200 TFLOP/s dense
#   The arithmetic is equal. But Q reads its memory twice as fast, and some of the work waits for memory.
# - [x] Q up to twice as fast where memory sets the time, equal where arithmetic does
#   Dense, Q has 200 TFLOP/s as well. It has the same flat roof, and a slope that is twice as steep.
# - [ ] P, because sparse figures are not real
#   Q's figure is real for matrices with the right zeros. Even without them, Q is never the slower card.

# %% [markdown]
# ### And the software?
#
# Another common claim is about software. One [comparison](https://www.sipoch.com/en/articles/300330019921548) praises
# CUDA and cuDNN, NVIDIA's libraries for its GPUs, and then says that the RTX 4090 "is not specifically designed for
# deep learning, which means it lacks some features available in the other GPUs". Does a consumer card get worse
# software?
#
# You can ask TensorFlow. A card runs machine code for its own version, called its *compute capability*. Code for 8.0
# also runs on 8.6 or 8.9, but not the other way around. If a package has no code that fits, the driver can compile its
# intermediate code (`compute_90` below) for a newer card, which delays the first start. Here is what your TensorFlow
# was built with, and what it means for each card:

# %% tags=["varies"]
from course.topics.hardware import support

build = tf.sysconfig.get_build_info()
built_for = build.get("cuda_compute_capabilities", [])
versions = (build.get("cuda_version", "none"), build.get("cudnn_version", "none"))
print("CUDA {}, cuDNN {}, code for {}".format(*versions, ", ".join(built_for)))
for name, capability in cards["compute_capability"].items():
    print(f"{name:17} {capability:4} {support(capability, built_for)}")

# %% [markdown]
# **The software follows the generation of a card, not its market.** The consumer RTX 4090 and the professional L40S
# have the same version, 8.9, and in the official Linux package they run the same code. The A100 has code of its own.
# For cards with a version higher than 8.9, the driver has to compile, and that includes the professional H100. (A
# TensorFlow without CUDA, as on a Mac, has no code for any of these cards.)
#
# There are real differences, and you have met two: the 4090 keeps sums in FP32 at half the rate, and it has no NVLink.
# A third is legal. Under its [license](https://www.nvidia.com/en-us/drivers/geforce-license/), NVIDIA's driver for
# GeForce cards "is not licensed for datacenter deployment". So you may put a consumer card under your desk, but a
# provider may not rent it out from a data center on those terms.

# %% [markdown]
# ## What must fit
#
# A card with half the rate takes twice as long. A card with too little memory does not work at all. A training step
# keeps the following for every parameter:
#
# - the **weight** and its **gradient**
# - the **optimizer state**: nothing for plain SGD, one number for momentum, two for Adam (lesson 10)
# - in **mixed precision**, where weights and gradients are FP16, also a float32 *copy of the weights*. Without it,
#   FP16 would lose any update that is far smaller than its weight.
#
# The optimizer state is float32 in both cases.

# %% [markdown]
# ### Exercise 16.3: bytes per parameter
#
# Count them for the `optimizer` "sgd", "momentum" or "adam" and the `precision` "full" (all float32) or "mixed".


# %% tags=["solution"]
def bytes_per_parameter(optimizer, precision):
    """Return the bytes that a training step keeps per parameter."""
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
            "Weights and gradients are FP16. And what is kept beside them?",
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
# Does Keras agree? You can simply ask a network, in both precisions. `set_dtype_policy` sets the precision of all
# layers that you create after it:

# %%
import keras


def network(policy):
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(128, "relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((784,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=False)
    keras.config.set_dtype_policy("float32")
    return model


# %%
def total_bytes(variables):
    return sum(variable.numpy().nbytes for variable in variables)


# %%
for policy in ("float32", "mixed_float16"):
    model = network(policy)
    model.optimizer.build(model.trainable_variables)
    # arrays only: the optimizer also has a few counters
    state = [variable for variable in model.optimizer.variables if variable.ndim]
    # a gradient is as large as its weight
    total = 2 * total_bytes(model.trainable_variables) + total_bytes(state)
    layer = model.layers[0]
    print(f"{policy:13} computes in {layer.compute_dtype}, keeps {layer.kernel.dtype}:")
    print(f"    {total / model.count_params():.0f} bytes per parameter with Adam")

# %% [markdown]
# **With Adam, it is sixteen bytes in both precisions.** Mixed precision saves nothing here, because the float32 copy
# takes what FP16 saves on weights and gradients. (Keras arranges this differently. Its variables are the float32 copy,
# and it makes the FP16 weights when it needs them. The published count of 2 + 2 + 4 + 8 gives the same sum.) What mixed
# precision saves is *time*, since matrix units do FP16 at twice the rate of TF32, and memory for *activations*.

# %% [markdown] tags=["predict"]
# How large a model can you train with Adam on a card with 24 GB, if only the sixteen bytes per parameter have to fit:
# 24, 12, 6 or 1.5 billion parameters?

# %%
from course.topics.hardware import training_bytes

for parameters in (124e6, 7e9):
    parts = training_bytes(parameters, optimizer="adam", precision="mixed")
    total = sum(parts.values())
    size = f"{parameters / 1e6:,.0f} million parameters: {total / 1e9:.3g} GB"
    print(f"{size}; fits 24 GB: {total <= 24e9}")
    print("   ", ", ".join(f"{part} {each / 1e9:.3g}" for part, each in parts.items()))
for memory in (consumer["memory"], professional["memory"]):
    print(f"{memory / 1e9:.0f} GB hold {memory / 16 / 1e9:.3g} billion parameters")

# %%
from course.topics.hardware_figures import memory_needed

drawn = ["GeForce RTX 4090", "L40S", "A100 PCIe 80 GB"]
title = "Memory for weights, gradients and optimizer state"
memory_needed(cards["memory"][drawn], title=title)

# %% [markdown] tags=["answer"]
# **1.5 billion.** A model of 124 million parameters fits easily. A model of 7 billion needs 112 GB for its state alone,
# more than any card in the table has. On the consumer cards of the table, not even its two Adam numbers fit. Note that
# both axes are logarithmic: the memories of the three cards differ by little more than a factor of three, while the
# axis of the models spans a factor of ten thousand.

# %% [markdown]
# ### Why mixed precision scales the loss
#
# FP16 has a second problem besides rounding: its smallest positive number is about 6e-8, and anything far below that
# becomes 0. As a network learns, its gradients shrink. Train the network on a thousand digits in `float32`, and count
# how many of its gradients FP16 would lose. (As in lesson 03, `shuffled_batches` shuffles the rows in each epoch.)

# %%
from course.data import load
from course.training.batches import shuffled_batches

digits = load("mnist")
x = digits.x_train[:1000].reshape(1000, 784).astype("float32") / 255
y = digits.y_train[:1000]
batches_of_100 = shuffled_batches(x, y, batch_size=100, seed=seed)
model = network("float32")
history = model.fit(batches_of_100, epochs=4 if fast else 20, shuffle=False, verbose=0)

# %%
with tf.GradientTape() as tape:
    loss = model.loss(y, model(x))
gradients = tape.gradient(loss, model.trainable_variables)
gradients = np.concatenate([np.ravel(each) for each in gradients])
gradients = gradients[gradients != 0]  # pixels that are always blank have gradient 0

scales = (1, 2**5, 2**10, 2**15)
lost = {s: 100 * np.mean(np.float16(s * gradients) == 0) for s in scales}
for scale, share in lost.items():
    print(f"gradients times {scale:6,}: {share:.4f}% become 0 in FP16")

# %%
spread("16.lost_plain", "gradients lost in FP16", lost[1], unit="%", digits=2)
bound(
    "16.lost_scaled",
    "gradients lost in FP16, loss times 32,768",
    lost[2**15],
    at_most=0.1,
    unit="%",
    digits=3,
)

# %% [markdown]
# Without scaling, FP16 loses {{16.lost_plain}} of these gradients. That is little, and we did not test whether this
# small network would notice. Other networks can have far smaller gradients. The cure costs next to nothing: **multiply
# the loss by a large number**. By the chain rule, every gradient grows by the same factor. Then divide the gradients by
# it in float32, before the optimizer uses them. With a factor of 32,768, at most {{16.lost_scaled:limit}} are lost.
#
# Keras does this for you, but only if the *model* has the policy. It does not if you give the policy to individual
# layers:

# %%
layers = [keras.layers.Dense(10, dtype="mixed_float16")]
by_layer = keras.Sequential([keras.Input((784,)), *layers])
by_layer.compile("adam", "mse")
print("dtype of a layer:", type(by_layer.optimizer).__name__)

mixed = network("mixed_float16")
print("policy:          ", type(mixed.optimizer).__name__)

# %% [markdown]
# Too large a factor would push gradients beyond 65,504, the largest FP16 number. So `LossScaleOptimizer` adjusts the
# factor. If the gradients of a step are not finite, it skips the step and halves the factor. After 2,000 good steps it
# doubles the factor. You can watch it work. This scale is too large on purpose:

# %%
optimizer = keras.optimizers.LossScaleOptimizer(
    keras.optimizers.Adam(), initial_scale=2.0**22
)
mixed.compile(optimizer, mixed.loss, jit_compile=False)
before = mixed.get_weights()[0]
for _ in range(5):
    mixed.train_on_batch(x[:100], y[:100])
    changed = not np.array_equal(mixed.get_weights()[0], before)
    print(f"scale {float(optimizer.dynamic_scale):,.0f}, weights changed: {changed}")

# %% [markdown]
# A skipped step leaves the weights as they were. The first step whose gradients are finite changes them, and the factor
# stays as it is.
#
# **bfloat16** (policy `mixed_bfloat16`) avoids the whole problem. It also has 16 bits, but spends as many of them on
# the exponent as float32 does, so its range is the same and it needs no loss scaling. The price is precision: it has 8
# significant bits where FP16 has 11. Newer cards support both.

# %% [markdown]
# ### And the activations
#
# A training step also keeps the outputs of every layer, the *activations*, because the backward pass needs them. They
# grow with the batch, while the state does not. Take a transformer, the kind of network behind language models (lesson
# 17 explains its heads). For one of its layers with 16-bit activations, Korthikanti et al. (2022) count $s b h\,(34 + 5
# a s / h)$ bytes. Here $b$ is the number of texts, $s$ their length in tokens (pieces of words), $h$ the width and $a$
# the number of heads. (The scores of the last layer, one for each token of the vocabulary, are extra.) The model of 124
# million parameters has 12 layers, a width of 768 and 12 heads. Take texts of 1,024 tokens:

# %%
for batch in (1, 8, 24):
    activations = 12 * 1024 * batch * 768 * (34 + 5 * 12 * 1024 / 768)
    total = sum(training_bytes(124e6, activations=activations).values())
    share = f"{activations / total:.0%} of it activations"
    print(
        f"batch {batch:2}: {total / 1e9:5.1f} GB, {share}; fits 24 GB: {total <= 24e9}"
    )

# %% [markdown]
# So **the batch decides** whether the same model fits. This is also the way out: use a smaller batch, and add up the
# gradients of several batches before each step. Keras optimizers do that with `gradient_accumulation_steps`, which
# keeps the sum of the gradients and so takes four more bytes per parameter. The paper has another way out: recompute
# the attention in the backward pass, and the term $5 a s / h$ disappears. Neither makes the state smaller.

# %% [markdown]
# ## Time and cost
#
# Training costs about 6 FLOP per parameter and token (or row, in a network of dense layers). Of these, the forward pass
# takes two, a product and a sum. The backward pass takes twice that, because it has two matrix products where the
# forward pass has one. So a run takes
#
# $$ \text{seconds} = \frac{6 \times \text{parameters} \times \text{tokens}}{\text{rate} \times \text{utilization}}. $$
#
# The utilization is the share of the peak that remains after memory, software and waiting have taken theirs. Large
# published runs range from 0.21 to 0.46 (table 3 of Chowdhery et al., 2022). It is a parameter of this lesson, and so
# are two prices. Prices change weekly, so enter those that you are offered. (The defaults are invented.) For the number
# of tokens, we follow the advice of Hoffmann et al. (2022): 20 per parameter.

# %%
from course.topics.hardware import Offer, training_seconds

offers = [
    Offer(name, card["memory"], card["fp16"], price)
    for name, card, price in (
        ("consumer", consumer, price_consumer),
        ("professional", professional, price_professional),
    )
]

# %%
for parameters in (124e6, 1.3e9, 7e9):
    for offer in offers:
        options = {"rate": offer.rate, "utilization": utilization}
        hours = training_seconds(parameters, 20 * parameters, **options) / 3600
        what = f"{parameters / 1e9:5.3g} billion, {offer.name:12}"
        print(f"{what} {hours:9,.0f} hours, costs {hours * offer.price:9,.0f}")

# %% [markdown]
# Ten times the parameters take a hundred times as long, because the number of tokens grows with them. (Both cards get
# the same utilization here. Measure your own before you pay. The last two lines ignore that the model does not fit, so
# read them as hours of several cards that share the state and the work.)

# %% [markdown]
# ## The verdict
#
# Consumer or professional? First ask what fits, then ask what is cheaper. Among the cards with enough memory, take the
# one with the cheapest FLOP. (The memory here is the state with Adam, without activations.)

# %%
from course.topics.hardware import choose


def verdict(parameters, offers):
    """Name the card to rent for a model of this size, trained with Adam."""
    chosen = choose(sum(training_bytes(parameters).values()), offers)
    return chosen.name if chosen else "several cards"


for parameters in (124e6, 350e6, 1.3e9, 3e9, 7e9):
    size = f"{parameters / 1e9:5.3g} billion, {16 * parameters / 1e9:5.1f} GB"
    print(f"{size}: {verdict(parameters, offers)}")

# %% [markdown]
# At the default prices, the verdict **changes with the size of the model**. Up to 1.5 billion parameters the state
# fits the consumer card. Up to 5 billion, it fits the professional card. Beyond that it fits neither, and you need
# several cards. Then the link between the cards matters too. (Lesson 15 measures what that costs.)
#
# As long as FLOP are cheaper on the consumer card, memory alone decides where the verdict changes. How many times as
# much must an hour on the professional card cost for that to be true?

# %%
even = professional["fp16"] / consumer["fp16"]
print(f"the A100 does in an hour what the 4090 does in {even:.2f} hours")
for ratio in (1.2, 1.8, 2.0, 4.0):
    priced = [
        Offer(offer.name, offer.memory, offer.rate, price)
        for offer, price in zip(offers, (1, ratio), strict=True)
    ]
    card = verdict(124e6, priced)
    print(f"A100 at {ratio} times the price: 124 million parameters on the {card} card")

# %% [markdown]
# The factor is the ratio of the two rates, which the first line shows. If the prices differ by less, the professional
# card wins at *every* size that it can hold. If they differ by more, the consumer card wins wherever the model fits.
# All you need is a price list and one division. Neither the CUDA cores nor the 82.6 TFLOPS plays a part.
#
# The calculation leaves some things out: electricity, the computer around the card, error-correcting memory, licenses,
# how well your framework uses the card, and the value of your own time.

# %% [markdown]
# ## What you have learned
#
# - A kernel runs at most at the smaller of two numbers: the rate, and the bandwidth times its intensity. Software may
#   reach neither.
# - A matrix product gains intensity with its size, and the batch is one of its dimensions. Sums over arrays, such as
#   `axpy`, gain none.
# - You may compare peak figures if they have the same precision, the same density (dense or sparse) and the same
#   precision of sums. FP32 figures outside the matrix units say little about training.
# - With Adam, a parameter takes sixteen bytes, in full and in mixed precision. Activations are extra and grow with the
#   batch.
# - FP16 loses small gradients. Multiplying the loss by a large number saves them, and Keras does that under the policy
#   `mixed_float16`.
# - A run takes six FLOP per parameter and token, divided by the rate times the utilization. Memory decides what is
#   possible, and the price of a FLOP decides what is cheaper.
#
# ## Try next
#
# - Set `megabytes` to 4, so that the arrays fit the cache of many processors. Where is the ridge now, and which of the
#   kernels gain?
# - Compute the intensity of the 4,000-to-4,000 layer in FP16, and the batch size at which arithmetic begins to limit an
#   A100. Compare it with the batch size that your core needed.
# - Count one training step of lesson 05's network (784-128-128-10, batches of 128). Find the intensity of each product
#   and its time according to the roofline. How much of an epoch does that explain?
# - Change `verdict` so that it takes two consumer cards when half of the state fits each. What must they exchange in
#   every step, and over which link?
