# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Draws captioned clips by casting rays at balls, cubes and cones on a patterned floor.

Axes: x right, y up, z away from the camera, in metres; the floor is y = 0. Image coordinates are
u right and v down, with the centre at 0 and about 1 at the edge of a square picture. Everything
that a caption does not say (places, sizes, speeds, light, colours of floor and sky, hills, clouds)
comes from the seed.
"""

import math

import fused
import torch
from captions import CAMERAS, COLOURS, FLOORS, MOTIONS, SHAPES, SKIES, Scene

FPS = 16
FOCAL = 1.35
RANDOM_NUMBERS = 64  # uniform numbers per clip, drawn on the CPU: the same clip on every device

_RGB = torch.tensor(
    [
        [0.88, 0.10, 0.09],
        [0.98, 0.47, 0.05],
        [0.97, 0.86, 0.10],
        [0.12, 0.68, 0.22],
        [0.12, 0.24, 0.92],
        [0.56, 0.14, 0.76],
        [0.95, 0.95, 0.95],
    ]
)
# Per sky: zenith, horizon, clouds, and the brightness of the light below it.
_ZENITH = torch.tensor([[0.42, 0.62, 0.90], [0.42, 0.32, 0.52], [0.04, 0.05, 0.15]])
_HORIZON = torch.tensor([[0.86, 0.92, 0.97], [0.97, 0.74, 0.58], [0.16, 0.18, 0.32]])
_CLOUD = torch.tensor([[0.98, 0.98, 0.99], [0.95, 0.62, 0.55], [0.22, 0.24, 0.38]])
_GLOW = torch.tensor([[1.00, 0.98, 0.88], [1.00, 0.88, 0.66], [0.86, 0.88, 0.95]])
_LIGHT = torch.tensor([1.0, 0.86, 0.55])


def _hsv(hue: torch.Tensor, saturation: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """All [batch], in 0..1. Returns rgb [batch, 3]."""
    offsets = torch.tensor([0.0, 4.0, 2.0])
    wheel = ((hue[:, None] * 6 + offsets) % 6 - 3).abs().sub(1).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * (1 - wheel))


class _Numbers:
    """Hands out the columns of a [batch, RANDOM_NUMBERS] table of uniform numbers in order."""

    def __init__(self, table: torch.Tensor):
        self._table = table
        self._next = 0

    def between(self, low: float, high: float) -> torch.Tensor:
        """One number per clip, [batch]."""
        column = self._table[:, self._next]
        self._next += 1
        return low + (high - low) * column


def _indices(scenes: list[Scene]) -> dict[str, torch.Tensor]:
    def things(attribute: str, words: tuple[str, ...]) -> torch.Tensor:
        rows = [[words.index(getattr(t, attribute)) for t in s.things] for s in scenes]
        return torch.tensor([row if len(row) == 2 else [row[0], 0] for row in rows])

    return {
        "colour": things("colour", COLOURS),
        "shape": things("shape", SHAPES),
        "motion": things("motion", MOTIONS),
        "count": torch.tensor([len(s.things) for s in scenes]),
        "floor": torch.tensor([FLOORS.index(s.floor) for s in scenes]),
        "sky": torch.tensor([-1 if s.sky is None else SKIES.index(s.sky) for s in scenes]),
        "camera": torch.tensor([CAMERAS.index(s.camera) for s in scenes]),
    }


def scene_tracks(scenes: list[Scene], seeds: list[int], frames: int, height: int, width: int) -> torch.Tensor:
    """Everything that `_shade` needs to know, per clip and frame: [track, batch, frames]."""
    table = torch.stack([torch.rand(RANDOM_NUMBERS, generator=torch.Generator().manual_seed(s)) for s in seeds])
    draw = _Numbers(table)
    index = _indices(scenes)
    batch = len(scenes)
    seconds = torch.arange(frames)[None] / FPS
    length = (frames - 1) / FPS
    unit = 0.5 * math.sqrt(height * width)
    u_max, v_max = 0.5 * width / unit, 0.5 * height / unit
    tracks: list[torch.Tensor] = []

    def put(values: torch.Tensor) -> None:
        """values: [batch] or [batch, frames] or [batch, n] with `put_all`."""
        tracks.append((values[:, None] if values.dim() == 1 else values).expand(batch, frames))

    def put_all(values: torch.Tensor) -> None:
        for column in values.unbind(1):
            put(column)

    # Camera.
    camera = index["camera"]
    camera_height = draw.between(0.75, 1.15)
    horizon = draw.between(-0.30, 0.02) * v_max
    pan = (camera == 2).float() - (camera == 1).float()
    yaw = (pan * draw.between(0.11, 0.17))[:, None] * (seconds - 0.5 * length)
    forward = (camera == 3).float() * draw.between(0.28, 0.42)
    camera_z = forward[:, None] * seconds
    put(camera_height)
    put(horizon)
    put(yaw)
    cos_yaw, sin_yaw = yaw.cos(), yaw.sin()

    # Light, in the world; turned into the camera's frame per frame.
    azimuth, elevation = draw.between(-1.1, 1.1), draw.between(0.65, 1.05)
    light_x = (azimuth.sin() * elevation.cos())[:, None]
    light_z = -(azimuth.cos() * elevation.cos())[:, None]
    put(cos_yaw * light_x - sin_yaw * light_z)
    put(elevation.sin())
    put(sin_yaw * light_x + cos_yaw * light_z)

    # Sky.
    any_sky = draw.between(0, 3).floor().clamp(max=2).long()
    sky = torch.where(index["sky"] < 0, any_sky, index["sky"])
    tint = torch.stack([draw.between(-0.05, 0.05) for _ in range(3)], 1)
    put_all((_ZENITH[sky] + tint * (sky != 2)[:, None]).clamp(0, 1))
    put_all((_HORIZON[sky] + 0.6 * tint).clamp(0, 1))
    put_all(_CLOUD[sky])
    put_all(_GLOW[sky])
    put(_LIGHT[sky] * draw.between(0.92, 1.06))
    put(draw.between(0.0, 0.85))  # how cloudy
    put(draw.between(2.5, 5.0))  # clouds: waves per radian, and two phases
    put(draw.between(0, 2 * math.pi))
    put(draw.between(0, 2 * math.pi))
    put(draw.between(-0.8, 0.8) * u_max)  # sun or moon
    put(draw.between(0.22, 0.62) * (horizon + v_max))
    put(draw.between(0.05, 0.10))
    put(draw.between(0.01, 0.13))  # hills: height, three phases
    for _ in range(3):
        put(draw.between(0, 2 * math.pi))
    hue = draw.between(0.2, 0.7)
    put_all(_hsv(hue, torch.full((batch,), 0.28), 0.45 * _LIGHT[sky]))

    # Floor: pattern coordinates a, b = scale * rotation(world x, z) + phase.
    angle = draw.between(-0.35, 0.35) + (draw.between(0, 1) < 0.5) * (math.pi / 2)
    angle = torch.where(index["floor"] == 2, draw.between(-0.7, 0.7), angle)
    scale = draw.between(0.75, 1.25)
    turn = angle[:, None] + yaw  # camera-frame point to pattern axes in one rotation
    put(scale[:, None] * turn.cos())
    put(scale[:, None] * turn.sin())
    put(draw.between(0, 1)[:, None] + scale[:, None] * camera_z * angle.sin()[:, None])
    put(draw.between(0, 1)[:, None] + scale[:, None] * camera_z * angle.cos()[:, None])
    put((index["floor"] == 1).float())
    put((index["floor"] == 2).float())
    floor_hue = draw.between(0, 1)
    first = _hsv(floor_hue, draw.between(0.06, 0.34), draw.between(0.55, 0.88))
    shift = draw.between(-0.08, 0.08)
    second = _hsv((floor_hue + shift) % 1, draw.between(0.10, 0.36), draw.between(0.28, 0.45))
    second = torch.where((index["floor"] == 0)[:, None], first, second)
    put_all(first)
    put_all(second)

    # Objects.
    side = torch.where(draw.between(0, 1) < 0.5, -1.0, 1.0)
    near = draw.between(1.75, 2.55)
    radii = (draw.between(0.32, 0.46), draw.between(0.28, 0.40))
    reach = min(1.0, u_max)
    for slot in range(2):
        two = index["count"] == 2
        present = torch.ones(batch) if slot == 0 else two.float()
        shape, motion = index["shape"][:, slot], index["motion"][:, slot]
        radius = radii[slot]
        direction = (motion == 1).float() - (motion == 0).float()
        speed = draw.between(0.50, 0.85) * direction
        approach = (motion == 3).float() * draw.between(0.30, 0.45)
        moving = direction.abs()
        spread = draw.between(-0.75, 0.75) * reach * (1 - 0.55 * moving)
        lane = (1 if slot == 0 else -1) * side * (0.50 + 0.15 * draw.between(-1, 1)) * reach
        centre = torch.where(two, lane + 0.2 * spread, spread)
        depth = near if slot == 0 else near + radii[0] + radii[1] + draw.between(0.05, 0.5)
        # Whatever comes nearer, by itself or by the camera, is at `depth` at the end of the clip.
        z = depth[:, None] + approach[:, None] * (length - seconds)
        z = z + forward[:, None] * length - camera_z
        x = (centre * depth / 1.9)[:, None] + speed[:, None] * (seconds - 0.5 * length)
        phase = (draw.between(0.8, 1.15)[:, None] * seconds + draw.between(0, 1)[:, None]) % 1
        bounce = (motion == 2).float() * draw.between(0.34, 0.58)
        lift = bounce[:, None] * 4 * phase * (1 - phase)
        put(present)
        put(cos_yaw * x - sin_yaw * z)
        put(lift)
        put(sin_yaw * x + cos_yaw * z)
        put(radius)
        put((shape == 0).float())
        put((shape == 1).float())
        heading = (draw.between(0.25, 1.3))[:, None] - yaw
        put(heading.cos())
        put(heading.sin())
        # The axis of a ball's band turns with the rolling: about z sideways, about x towards us.
        roll = speed[:, None] * seconds / radius[:, None]
        pitch = approach[:, None] * seconds / radius[:, None]
        spin = draw.between(0, 2 * math.pi)[:, None] - roll
        axis_x, axis_y = 0.94 * spin.cos(), 0.94 * spin.sin()
        axis_z = torch.full_like(axis_x, -0.34)
        tilted_y = axis_y * pitch.cos() - axis_z * pitch.sin()
        tilted_z = axis_y * pitch.sin() + axis_z * pitch.cos()
        put(cos_yaw * axis_x - sin_yaw * tilted_z)
        put(tilted_y)
        put(sin_yaw * axis_x + cos_yaw * tilted_z)
        jitter = torch.stack([draw.between(-0.03, 0.03) for _ in range(3)], 1)
        put_all((_RGB[index["colour"][:, slot]] + jitter).clamp(0.02, 1))
        white = (index["colour"][:, slot] == COLOURS.index("white")).float()
        put(0.97 - 0.45 * white)  # grey value of the band
    return torch.stack(tracks)


def _smoothstep(low: float, high: float, value: torch.Tensor) -> torch.Tensor:
    x = ((value - low) / (high - low)).clamp(0, 1)
    return x * x * (3 - 2 * x)


def shade(tracks: list, u, v, pixel) -> list:
    """Colour of one ray per pixel: red, green and blue in 0..1.

    tracks: [batch, frames, 1, 1] each; u: [width]; v: [height, 1]; pixel: its size in units of u.
    Only pointwise arithmetic, without branches: `fused.py` turns this very function into one GPU
    kernel.
    """
    queue = iter(tracks)

    def one():
        return next(queue)

    def rgb():
        return next(queue), next(queue), next(queue)

    camera_height, horizon, yaw = one(), one(), one()
    light_x, light_y, light_z = rgb()
    ray_x = u / FOCAL
    ray_y = (horizon - v) / FOCAL

    # Sky.
    zenith, haze, cloud, glow = rgb(), rgb(), rgb(), rgb()
    light, cloudy, cloud_wave, cloud_a, cloud_b = one(), one(), one(), one(), one()
    sun_x, sun_y, sun_radius = one(), one(), one()
    hill, hill_a, hill_b, hill_c = one(), one(), one(), one()
    hill_rgb = rgb()
    bearing = torch.atan(ray_x) + yaw
    above = (horizon - v).clamp(min=0)
    height_share = (above / (horizon + 1.15)).clamp(0, 1) ** 0.8
    wave = torch.sin(bearing * cloud_wave + cloud_a + 1.2 * torch.sin(above * 6 + cloud_b))
    wave = 0.6 * wave + 0.4 * torch.sin(above * 9 - bearing * 2.1 + cloud_b)
    clouds = cloudy * _smoothstep(0.1, 0.95, wave) * _smoothstep(0.02, 0.25, above)
    sun = ((bearing * FOCAL - sun_x) ** 2 + (above - sun_y) ** 2).sqrt()
    disc = torch.sigmoid((sun_radius - sun) * 90) * (1 - 0.7 * clouds)
    disc = (disc + 0.28 * torch.exp(-5 * sun)).clamp(max=1)
    ridge = 1 + 0.45 * torch.sin(3.1 * bearing + hill_a) + 0.3 * torch.sin(6.7 * bearing + hill_b)
    ridge = hill * (ridge + 0.12 * torch.sin(13 * bearing + hill_c))
    hills = torch.sigmoid((ridge - above) * 140)

    # Floor: where the ray meets y = 0, clamped just below the horizon.
    below = (v - horizon).clamp(min=0.012)
    z = camera_height * FOCAL / below
    x = ray_x * z
    is_floor = (v > horizon).float()
    scale_cos, scale_sin, phase_a, phase_b = one(), one(), one(), one()
    striped, checkered = one(), one()
    first, second = rgb(), rgb()
    a = x * scale_cos + z * scale_sin + phase_a
    b = z * scale_cos - x * scale_sin + phase_b
    # Depth that one pixel covers, in periods: softens the edges, then fades the pattern before
    # it can alias.
    footprint = z * z / (camera_height * FOCAL) * pixel
    sharp = 1 / (0.16 + 5 * footprint)
    fade = torch.exp(-((4.5 * footprint) ** 2))
    wave_a = torch.tanh(sharp * torch.sin(2 * math.pi * a))
    wave_b = torch.tanh(sharp * torch.sin(2 * math.pi * b))
    pattern = 0.5 + 0.5 * fade * wave_a * (striped + checkered * wave_b)
    distance = 1 - torch.exp(-0.085 * (z - 1))
    shadow, depth = 1.0, 1e6
    objects = []
    for _ in range(2):
        present, cx, lift, cz, radius = one(), one(), one(), one(), one()
        is_ball, is_cube = one(), one()
        heading_cos, heading_sin = one(), one()
        band_x, band_y, band_z = rgb()
        colour, band_grey = rgb(), one()
        is_cone = 1 - is_ball - is_cube

        # Shadow: how near the line from the floor to the light passes to the middle of the object.
        middle = lift + radius * (is_ball + 0.82 * is_cube + 0.72 * is_cone)
        thick = radius * (is_ball + 1.04 * is_cube + 0.80 * is_cone)
        mx, mz = cx - x, cz - z
        along = mx * light_x + middle * light_y + mz * light_z
        miss = (mx * mx + middle * middle + mz * mz - along * along).clamp(min=1e-6).sqrt()
        shade = 0.50 * (1 - _smoothstep(0.55, 1.25, miss / thick))
        touch = 0.45 * torch.exp(-(mx * mx + mz * mz) / (0.75 * thick) ** 2 - 4 * lift)
        shadow = shadow * (1 - present * shade) * (1 - present * touch)

        oy = camera_height - lift
        # Ball.
        by = oy - radius
        qa = ray_x * ray_x + ray_y * ray_y + 1
        qb = -cx * ray_x + by * ray_y - cz
        qc = cx * cx + by * by + cz * cz - radius * radius
        root = qb * qb - qa * qc
        ball_t = (-qb - root.clamp(min=0).sqrt()) / qa
        ball_hit = root > 0
        # Cube, in its own axes.
        half = 0.82 * radius
        ox = -cx * heading_cos - cz * heading_sin
        oz = cx * heading_sin - cz * heading_cos
        dx = ray_x * heading_cos + heading_sin
        dz = heading_cos - ray_x * heading_sin
        dx = torch.where(dx.abs() < 1e-5, 1e-5, dx)
        dz = torch.where(dz.abs() < 1e-5, 1e-5, dz)
        dy = torch.where(ray_y.abs() < 1e-5, 1e-5, ray_y)
        near_x, far_x = -ox / dx - (half / dx).abs(), -ox / dx + (half / dx).abs()
        near_z, far_z = -oz / dz - (half / dz).abs(), -oz / dz + (half / dz).abs()
        middle_y = -(oy - half) / dy
        near_y, far_y = middle_y - (half / dy).abs(), middle_y + (half / dy).abs()
        cube_t = torch.maximum(torch.maximum(near_x, near_z), near_y)
        cube_hit = cube_t < torch.minimum(torch.minimum(far_x, far_z), far_y)
        face_y = (near_y >= cube_t).float()
        face_x = (near_x >= cube_t).float() * (1 - face_y)
        face_z = 1 - face_y - face_x
        nx_own = -torch.sign(dx) * face_x
        nz_own = -torch.sign(dz) * face_z
        # Cone: apex above the base by 2 radii, base 0.98 radii wide.
        slope = 0.49 * 0.49
        tall = 2.0 * radius
        ey, ed = tall - oy, -ray_y
        ca = ray_x * ray_x + 1 - slope * ed * ed
        cb = -cx * ray_x - cz - slope * ey * ed
        cc = cx * cx + cz * cz - slope * ey * ey
        croot = cb * cb - ca * cc
        cone_t = (-cb - croot.clamp(min=0).sqrt()) / ca
        drop = ey + ed * cone_t
        cone_hit = (croot > 0) & (drop > 0) & (drop < tall)

        ball, cube = is_ball > 0.5, is_cube > 0.5
        t = torch.where(ball, ball_t, torch.where(cube, cube_t, cone_t))
        hit = torch.where(ball, ball_hit, torch.where(cube, cube_hit, cone_hit))
        hit = hit & (present > 0.5) & (t > 0.05)
        px, py, pz = ray_x * t - cx, camera_height + ray_y * t - lift, t - cz
        cone_norm = (px * px + pz * pz + (slope * drop) ** 2).clamp(min=1e-8).rsqrt()
        nx = torch.where(ball, px / radius, nx_own * heading_cos - nz_own * heading_sin)
        nx = torch.where(is_cone > 0.5, px * cone_norm, nx)
        ny = torch.where(ball, (py - radius) / radius, face_y)
        ny = torch.where(is_cone > 0.5, slope * drop * cone_norm, ny)
        nz = torch.where(ball, pz / radius, nx_own * heading_sin + nz_own * heading_cos)
        nz = torch.where(is_cone > 0.5, pz * cone_norm, nz)

        facing = nx * light_x + ny * light_y + nz * light_z
        grounded = 0.65 + 0.35 * _smoothstep(0.0, 1.0, (py + lift) / radius)
        lit = (0.36 + 0.12 * ny) * grounded + 0.62 * facing.clamp(min=0)
        view = qa.rsqrt()
        hx, hy, hz = light_x - ray_x * view, light_y - ray_y * view, light_z - view
        half_norm = (hx * hx + hy * hy + hz * hz).clamp(min=1e-8).rsqrt()
        gleam = ((nx * hx + ny * hy + nz * hz) * half_norm).clamp(min=0) ** 28
        gleam = gleam * 0.38 * is_ball
        stripe = (nx * band_x + ny * band_y + nz * band_z).abs()
        stripe = is_ball * torch.sigmoid((0.17 - stripe) * 32) * 0.85
        wins = (hit & (t < depth)).float()
        depth = torch.where(wins > 0.5, t, depth)
        objects.append((wins, lit, gleam, stripe, band_grey, colour))

    out = []
    for c in range(3):
        sky = haze[c] + (zenith[c] - haze[c]) * height_share
        sky = sky + (cloud[c] - sky) * clouds
        sky = sky + (glow[c] - sky) * disc
        far_hill = 0.45 * haze[c] + 0.55 * hill_rgb[c]
        sky = sky + (far_hill - sky) * hills
        ground = (first[c] * pattern + second[c] * (1 - pattern)) * shadow * light
        ground = ground + (haze[c] * (0.35 + 0.65 * light) - ground) * distance * 0.75
        value = sky + (ground - sky) * is_floor
        for wins, lit, gleam, stripe, band_grey, colour in objects:
            paint = colour[c] + (band_grey - colour[c]) * stripe
            value = value + (paint * lit * light * 1.12 + gleam * light - value) * wins
        out.append(value.clamp(0, 1))
    return out


# Four rays per pixel, spread a little beyond it: edges come out about one pixel soft.
RAYS = ((-0.14, -0.42), (0.42, -0.14), (0.14, 0.42), (-0.42, 0.14))


@torch.no_grad()
def render(
    scenes: list[Scene],
    seeds: list[int],
    frames: int,
    height: int,
    width: int,
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """Draw clips at FPS frames a second: [batch, frames, 3, height, width] in -1..1."""
    device = torch.device(device)
    tracks = scene_tracks(scenes, seeds, frames, height, width).to(device)
    unit = 0.5 * math.sqrt(height * width)
    if device.type == "cuda":
        return fused.render_cuda(tracks, height, width, unit, RAYS)
    columns = torch.arange(width, device=device) - 0.5 * (width - 1)
    rows = torch.arange(height, device=device)[:, None] - 0.5 * (height - 1)
    total = 0.0
    for du, dv in RAYS:
        parts = list(tracks[..., None, None].unbind(0))
        colours = shade(parts, (columns + du) / unit, (rows + dv) / unit, 1 / unit)
        total = total + torch.stack(colours, 2)
    return total * (2 / len(RAYS)) - 1
