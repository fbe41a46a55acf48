"""How well a roofline of this machine predicts five kernels of training, measured in the same run.

    python -m benchmarks.roofline --rounds 25

One core computes on float32 (see course.topics.hardware). The peak rate comes from a matrix product in cache, the
bandwidth from a sum of two large arrays into a third; the five kernels are others. In every round each has its turn,
and of all rounds the least time counts, since disturbances only add. "off" is predicted over measured, less one. The
last line is JSON. A machine that does other things meanwhile makes the deviations larger.
"""

import argparse
import json

from course.topics.hardware import five_kernels, measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=25, help="turns of each kernel, at least 5 (default: 25)"
    )
    parser.add_argument(
        "--megabytes", type=int, default=128, help="size of each large array (default: 128)"
    )
    arguments = parser.parse_args()
    if arguments.rounds < 5:
        parser.error(f"--rounds {arguments.rounds}: must be at least 5")
    kernels = five_kernels(arguments.megabytes)
    machine, seconds = measure(kernels, megabytes=arguments.megabytes, rounds=arguments.rounds)
    rate = machine.rate
    print(
        f"one core: {rate / 1e9:.1f} GFLOP/s, {machine.bandwidth / 1e9:.1f} GB/s, ridge {machine.ridge:.2f} FLOP/byte"
    )
    print(f"{'kernel':26} FLOP/byte predicted  measured GFLOP/s     off")
    off = {}
    for name, kernel in kernels.items():
        predicted = float(machine.attainable(kernel.intensity))
        measured = kernel.flops / seconds[name]
        off[name] = round(predicted / measured - 1, 3)
        print(
            f"{name:26} {kernel.intensity:9.2f} {predicted / 1e9:9.1f} {measured / 1e9:9.1f} {off[name]:+15.1%}"
        )
    within = sum(abs(value) < 0.3 for value in off.values())
    print(f"within 30 %: {within} of {len(off)}")
    print(
        json.dumps(
            {"rate": rate, "bandwidth": machine.bandwidth, "off": off, "within_30_percent": within}
        )
    )


if __name__ == "__main__":
    main()
