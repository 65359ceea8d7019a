"""Read the campaign beside this file and print the decay time constant of each chip."""

from pathlib import Path

import numpy as np

from calibration.readers import read

for curve in read(Path(__file__).with_name("campaign.toml")):
    measured = ~curve.censored("i_syn")
    slope = np.polyfit(curve["time"][measured], np.log(curve["i_syn"][measured]), 1)[0]
    print(
        f"{curve.name}: tau = {-1e3 / slope:.2f} ms from {measured.sum()} rows, "
        f"{curve.rows - measured.sum()} censored, {curve.excluded_rows} left out"
    )
