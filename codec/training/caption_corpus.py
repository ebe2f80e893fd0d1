"""Synthetic captions in the style of captioning networks: plain phrases of common subjects, things and places.

An entry that is listed twice is drawn twice as often; earlier entries are drawn more often than later ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

STYLES = """painting;painting;painting;photo;photo;picture;close up;drawing;digital painting;black and white photo;
oil painting;watercolor painting;digital art;cartoon;portrait;illustration;sketch;statue;sculpture;model;
3d rendering;poster;view;aerial view;group;couple;bunch;pair;row;large group;screenshot;image"""
SUBJECTS = """man;woman;man;woman;person;girl;boy;child;cat;dog;horse;bird;bear;elephant;giraffe;cow;sheep;zebra;lion;
tiger;fox;rabbit;robot;astronaut;knight;dragon;owl;monkey;panda;teddy bear;fish;frog;duck;eagle;wolf;deer;squirrel;
young girl;young boy;young man;young woman;old man;little girl;little boy;baby;kitten;puppy;butterfly;turtle;dinosaur;
skateboarder;surfer;skier;snowboarder;tennis player;baseball player;king;queen;soldier;wizard;witch;angel;skeleton;
penguin;parrot;chicken;pig;goat;mouse;raccoon;corgi;golden retriever;white cat;black cat;brown dog;white dog;
white horse;brown horse;polar bear;people;two people;two men;two women;two dogs;two cats;people;men;women;children"""
THINGS = """castle;house;car;boat;bench;tree;flower;building;bridge;lighthouse;tower;church;train;bus;truck;motorcycle;
bicycle;airplane;ship;table;chair;couch;bed;lamp;clock;vase;bowl;cup;plate;cake;pizza;sandwich;apple;orange;banana;
book;laptop;computer;television;phone;camera;guitar;piano;umbrella;hat;mountain;river;lake;waterfall;forest;city;street;
road;field;beach;garden;kitchen;living room;bathroom;bedroom;office;window;door;fence;stop sign;traffic light;
fire hydrant;kite;surfboard;skateboard;tennis court;red car;yellow bus;red bus;wooden table;wooden bench;stone wall;
sailboat;spaceship;space ship;rocket;moon;planet;sunset;village;temple;statue;fountain;cottage;cabin;windmill;barn;
clock tower;double decker bus;passenger train;fighter jet;jet;sports car;sign;desk;toilet;sink;refrigerator;oven;
coffee;cup of coffee;glass of wine;bowl of fruit;bowl of soup;plate of food;plate of pasta;slice of pizza;
hot dog;hamburger;salad;donut;vase of flowers;bunch of flowers;bouquet of flowers;teapot;bottle;mirror;suitcase"""
ADJECTIVES = """large;small;red;blue;green;yellow;white;black;brown;old;young;big;little;beautiful;tall;wooden;colorful;
orange;pink;purple;golden;snowy;stone;gray;long;dark;futuristic;metal;glass;cute;very large;giant;empty;busy"""
ACTIVITIES = """standing;standing;sitting;sitting;walking;running;riding a horse;riding a bike;riding a wave;
riding a skateboard;
holding a sword;holding an umbrella;holding a phone;holding a guitar;holding a book;holding a flower;wearing a hat;
wearing a suit;wearing sunglasses;wearing glasses;wearing a dress;wearing a red dress;wearing a crown;wearing a helmet;
sleeping;laying;lying;flying;swimming;eating;playing a guitar;playing a video game;playing tennis;playing with a ball;
looking;looking out;looking up;looking at the camera;reading a book;sitting down;jumping;posing for a picture;
wearing armor;riding a motorcycle;riding a surfboard;cooking;dancing;driving;floating;talking on a cell phone;
holding a cup of coffee;with long hair;with blue eyes;with red hair;with a beard;with wings;with a hat;with blonde hair;
with green eyes;with a long beard;with a sword;with a helmet;with a crown;with glasses"""
PLACES = """on a hill;in a field;in the grass;on a beach;on the beach;in the water;in the snow;in a forest;in the woods;
in a city;on a street;on a table;on top of a table;on a bench;on a couch;on a bed;in a kitchen;in a living room;
in a room;in front of a building;in front of a house;in front of a mirror;in front of a window;in front of a mountain;
on top of a hill;on top of a mountain;on the side of a road;next to a river;next to a lake;next to a tree;by a lake;
near the water;near a body of water;over a body of water;over the ocean;in the ocean;in the sky;in the desert;
in the background;in the middle of a forest;in the middle of a field;in the middle of the ocean;on a boat;at night;
at sunset;in the rain;under a tree;under an umbrella;in a garden;in a park;on a rock;on the moon;in space;on the ground;
down the street;down a street;through the forest;through a field;across a river;along a road;on a skateboard;
on a wooden table;on a white background;on a black background;with a sunset in the background;on a plate;in a bowl;
with a mountain in the background;with mountains in the background;with trees in the background;with a river;
with a lake;with a waterfall;with flowers;with a clock;with trees;with a view of the mountains;with clouds in the sky;
with a bridge;with a red roof;with a city in the background;with people walking;in the dark;in the distance;
on a dirt road;on a snowy day;on a sunny day;in a vase;on the wall;on a sidewalk;at a table;at a desk;in a suit;
in a dress;in a hat;in a red dress;in a white dress;on a surfboard;on a tennis court;on a baseball field;on skis;
on a snow covered slope;with a sky background;with stars in the sky;with a full moon;on a cliff;with a tree;
at the end of a pier;in a library;in a restaurant;in a cave;in a jungle;on a train;on a track;on a runway"""

LINKS = ("sitting", "with", "and", "next to", "in front of", "on", "near", "surrounded by")


def generate(count: int, seed: int = 1) -> Iterator[str]:
    """Yield `count` captions, the same ones for the same seed."""
    rng = random.Random(seed)  # noqa: S311
    lists = (STYLES, SUBJECTS, THINGS, ADJECTIVES, ACTIVITIES, PLACES)
    styles, subjects, things, adjectives, activities, places = (
        [entry.strip() for entry in entries.split(";")] for entries in lists
    )

    def pick(entries: list[str]) -> str:
        return entries[min(rng.randrange(len(entries)), rng.randrange(len(entries)))]

    def noun_phrase(entries: list[str]) -> str:
        noun = pick(entries)
        if rng.random() < 0.3:
            noun = f"{pick(adjectives)} {noun}"
        if rng.random() < 0.06:
            noun += f" and {_with_article(pick(entries))}"
        return _with_article(noun)

    for _ in range(count):
        is_alive = rng.random() < 0.6
        subject = noun_phrase(subjects if is_alive else things)
        parts = [f"{_with_article(pick(styles))} of {subject}" if rng.random() < 0.5 else subject]
        if is_alive and rng.random() < 0.7:
            parts.append(pick(activities))
        elif not is_alive and rng.random() < 0.25:
            parts.append(rng.choice(LINKS))
            if parts[-1] != "sitting":
                parts.append(noun_phrase(things))
        if rng.random() < 0.8:
            parts.append(pick(places))
        if rng.random() < 0.15:
            parts.append(pick(places))
        yield " ".join(parts)


def _with_article(noun: str) -> str:
    if noun.startswith("two ") or noun in ("people", "men", "women", "children", "coffee", "mountains"):
        return noun
    return ("an " if noun[0] in "aeiou" else "a ") + noun
