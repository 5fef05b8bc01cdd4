"""Writes test/fixtures/table-columns.json: columns of every kind as pandas writes them to CSV and Parquet, as R writes them to
CSV, and the numbers that pandas has for them.

pandas 3.x, pyarrow; run from the repository's root: python scripts/peers/table_columns.py
The files of R are written out by hand, as ?write.table of R 4 describes them: no R is needed.
"""

import base64
import io
import json

import numpy as np
import pandas as pd

random = np.random.default_rng(0)
n = 60
y = pd.Series(random.normal(size=n).round(3))
x = pd.Series(random.normal(scale=3000, size=n).round(1))
days = pd.Series(pd.Timestamp("2024-01-30 22:00") + pd.to_timedelta(random.integers(0, 900, n) * 1800, unit="s"))
money = pd.Series(random.integers(900, 99_999, n))
few = pd.Series(random.choice(["red", "blue", "green"], n))
people = pd.Series([f"u{i:05d}" for i in random.choice(10**5, n, replace=False)])


def text(frame, **options):
    return frame.to_csv(**{"index": False, **options})


def parquet(frame, **options):
    file = io.BytesIO()
    frame.to_parquet(file, **options)
    return base64.b64encode(file.getvalue()).decode()


def numbers(series):
    return [None if pd.isna(value) else float(value) for value in series]


cases = []


def case(name, column, values=None, csv=None, parquet_too=True, **expected):
    frame = pd.DataFrame({"x": column, "y": y})
    cases.append(
        {
            "name": name,
            "csv": csv if csv is not None else text(frame),
            **({"parquet": parquet(frame)} if parquet_too else {}),
            **({"values": numbers(values)} if values is not None else {}),
            **expected,
        }
    )


epoch = (days - pd.Timestamp(0)).dt.total_seconds()
case("floats", x, x, type="number")
case("whole numbers with gaps", pd.Series([None, *range(1, n)], dtype="Int64") * 7, pd.Series([None, *range(1, n)], dtype="Int64") * 7,
     type="number", config={"missing": "mean"})
case("truth values", x > 0, type="category")
case("texts", few, type="category")
case("categories", few.astype("category"), type="category")
case("texts of numbers and letters", few + "-7", type="category")
case("dates and times", days, epoch, refused="looks like dates", remedy='data.dates: { "x": epoch }', config={"dates": {"x": "epoch"}}, type="date")
case("dates in a time zone", days.dt.tz_localize("Europe/Berlin", ambiguous=True),
     (days.dt.tz_localize("Europe/Berlin", ambiguous=True) - pd.Timestamp(0, tz="UTC")).dt.total_seconds(),
     refused="looks like dates", remedy="data.dates", config={"dates": {"x": "epoch"}}, type="date")
case("days", days.dt.date, (days.dt.normalize() - pd.Timestamp(0)).dt.total_seconds(), refused="looks like dates", remedy="data.dates",
     config={"dates": {"x": "epoch"}}, type="date")
case("months and hours", days, warned="one value in every row and say nothing: x.year", refused="looks like dates", remedy="data.dates", config={"dates": {"x": ["year", "month", "day", "weekday", "hour", "minute"]}},
     parts=[[float(v) for v in row] for row in zip(days.dt.year, days.dt.month, days.dt.day, days.dt.day_of_week + 1, days.dt.hour, days.dt.minute)])
case("days the European way", days.dt.strftime("%d.%m.%Y"), refused="looks like dates", remedy="write it as 2024-01-31")
case("days the American way", days.dt.strftime("%m/%d/%Y"), refused="looks like dates", remedy="write it as 2024-01-31")
case("days in words", days.dt.strftime("%b %d, %Y"), refused="looks like dates", remedy="write it as 2024-01-31")
case("times of day", days.dt.strftime("%H:%M"), refused="looks like dates or times", remedy="or write numbers")
case("days as numbers", days.dt.strftime("%Y%m%d").astype(int), type="number", warned="days written as numbers")
commas = lambda column: pd.DataFrame({"x": column, "y": y}).to_csv(index=False, decimal=",", sep=";")
case("a decimal comma", x.astype(str).str.replace(".", ","), x, csv=commas(x), base={"delimiter": ";"}, config={"decimal": ","},
     refused="looks like numbers", remedy='data.decimal: ","', type="number", parquetRemedy="write them as numbers")
case("thousands", money.map("{:,}".format), money, config={"thousands": ","}, type="number",
     refused="looks like numbers", remedy='data.thousands: ","', parquetRemedy="write them as numbers")
points = money.map(lambda v: f"{v:,}.25".translate(str.maketrans(",.", ".,")))
case("thousands with points", points, money + 0.25, csv=commas(points), base={"delimiter": ";"}, config={"decimal": ",", "thousands": "."}, type="number",
     refused="looks like numbers", remedy='data.decimal: "," and data.thousands: "."', parquetRemedy="write them as numbers")
case("thousands with blanks", money.map(lambda v: f"{v:,}".replace(",", "\u202f")), money, config={"thousands": " "}, type="number",
     refused="looks like numbers", remedy='data.thousands: " "', parquetRemedy="write them as numbers")
case("percent", money.map("{}%".format), refused="looks like numbers", remedy="without a percent sign")
case("dollars", money.map("${:,}".format), refused="looks like numbers", remedy="without a currency")
case("euros", money.map("{} €".format), refused="looks like numbers", remedy="without a currency")
case("brackets", money.map("({})".format), refused="looks like numbers", remedy="without brackets")
case("units", money.map("{} kg".format), refused="holds numbers as text", remedy="without units")
case("few units", pd.Series(random.choice(["10 cm", "20 cm", "30 cm"], n)), type="category", warned="numbers with units")
case("people", people, refused="another text in nearly every row", remedy="data.exclude")
case("free text", people + " said so", refused="another text in nearly every row", remedy="data.exclude")
marked = x.astype(str).where(random.random(n) > 0.2, "-")
case("a marker of gaps", pd.concat([pd.Series(["-"]), marked[1:]], ignore_index=True), pd.to_numeric(pd.concat([pd.Series(["-"]), marked[1:]], ignore_index=True), errors="coerce"),
     refused="and text in the others", remedy="data.missingValues", config={"missingValues": ["", "-"], "missing": "mean"}, type="number", parquetRemedy="data.categorical")
gaps = pd.Series(["NA", "N/A", "nan", "NULL", "null", "#N/A", "<NA>", ""] + list(x[8:].astype(str)))
case("the usual markers of gaps", gaps, pd.to_numeric(gaps, errors="coerce"), config={"missing": "mean"}, type="number", parquet_too=False)
case("spellings", pd.Series(random.choice(["true", "True", "false"], n)), type="category", warned="in several ways")
case("one value", pd.Series([4.5] * n), pd.Series([4.5] * n), type="number", warned="one value in every row")
case("numbered rows", pd.Series(random.permutation(n)), type="number", warned="each whole number of a range once")
case("a copy of the target", y, y, type="number", warned="say the target in every row")
case("quoted numbers", x, x, csv=text(pd.DataFrame({"x": x, "y": y}), quoting=1), parquet_too=False, type="number")
case("a byte order mark", x, x, csv="\ufeff" + text(pd.DataFrame({"x": x, "y": y})), parquet_too=False, type="number")
frame = pd.DataFrame({"x": x, "y": y})
case("an index", x, x, csv=text(frame, index=True), parquet_too=False, type="number", leftOut="c1")
cases[-1]["parquet"] = parquet(frame.sample(frac=1, random_state=0))
cases[-1]["parquetValues"] = numbers(frame.sample(frac=1, random_state=0).x)
cases[-1]["parquetLeftOut"] = "__index_level_0__"
named = frame.set_index(people.rename("who"))
case("an index with a name", x, x, csv=text(frame), parquet_too=False, type="number")
cases[-1]["parquet"] = parquet(named)
cases[-1]["parquetLeftOut"] = "who"
again = pd.read_csv(io.StringIO(text(frame, index=True)))
case("an index that was written twice", x, x, csv=text(again), parquet_too=False, type="number", leftOut="Unnamed: 0")
row = lambda i: f'"{i + 1}"'
case("write.csv of R", x, x, csv='"","x","y"\n' + "".join(f"{row(i)},{a},{b}\n" for i, (a, b) in enumerate(zip(x, y))), parquet_too=False, type="number", leftOut="c1")
case("write.csv2 of R", x, x, csv='"";"x";"y"\n' + "".join(f"{row(i)};{a};{b}\n".replace(".", ",") for i, (a, b) in enumerate(zip(x, y))), parquet_too=False,
     config={"delimiter": ";", "decimal": ","}, type="number", leftOut="c1")
case("write.table of R", x, x, csv='"x" "y"\n' + "".join(f"{row(i)} {a} {b}\n" for i, (a, b) in enumerate(zip(x, y))), parquet_too=False,
     config={"delimiter": " "}, type="number", leftOut="c1")
case("write.table of R with tabs", x, x, csv='"x"\t"y"\n' + "".join(f"{row(i)}\t{a}\t{b}\n" for i, (a, b) in enumerate(zip(x, y))), parquet_too=False,
     config={"delimiter": "\t"}, type="number", leftOut="c1")
json.dump({"pandas": pd.__version__, "cases": cases}, open("test/fixtures/table-columns.json", "w"), separators=(",", ":"))
