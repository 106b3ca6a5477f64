"""Small modules that follow HEAR, as text to be written to a file; the faults that tests want are put in by hand.

Eight values a frame: windows of 100 ms, one every 50 ms, centred on 0, 50, 100 ms..., times a matrix.
"""

GOOD = """
import torch


class Model(torch.nn.Module):
    sample_rate = 16000
    timestamp_embedding_size = 8
    scene_embedding_size = 8

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.matrix = torch.nn.Parameter(torch.rand((1600, 8), generator=generator) / 40)

    def forward(self, audio):
        windows = torch.nn.functional.pad(audio, (800, 800)).unfold(1, 1600, 800)
        return torch.tanh(windows @ self.matrix)


def load_model(model_file_path=""):
    model = Model().eval()
    if model_file_path:
        model.load_state_dict(torch.load(model_file_path, weights_only=True))
    return model


def get_timestamp_embeddings(audio, model):
    if audio.ndim != 2:
        raise ValueError("audio must be (sounds, samples)")
    embeddings = model(audio)
    timestamps = (50.0 * torch.arange(embeddings.shape[1])).expand(len(audio), -1)
    return embeddings, timestamps


def get_scene_embeddings(audio, model):
    return get_timestamp_embeddings(audio, model)[0].mean(dim=1)
"""

#: Frames every 551.25 samples (25 ms at 22.05 kHz), each begun at the nearest sample, as HEAR's baseline does it.
UNEVEN = (
    GOOD.replace("sample_rate = 16000", "sample_rate = 22050")
    .replace("50.0 *", "25.0 *")
    .replace(
        """        windows = torch.nn.functional.pad(audio, (800, 800)).unfold(1, 1600, 800)
""",
        """        starts = [round(i * 551.25) for i in range(1 + int(audio.shape[1] / 551.25))]
        padded = torch.nn.functional.pad(audio, (800, 1600))
        windows = torch.stack([padded[:, start : start + 1600] for start in starts], dim=1)
""",
    )
)

#: Windows of a second side by side; what does not fill one is dropped.
WINDOWS = (
    GOOD.replace("(1600, 8)", "(16000, 8)")
    .replace("torch.nn.functional.pad(audio, (800, 800)).unfold(1, 1600, 800)", "audio.unfold(1, 16000, 16000)")
    .replace("50.0 * torch.arange(embeddings.shape[1])", "500.0 + 1000.0 * torch.arange(embeddings.shape[1])")
)

#: One frame, whatever the length.
SINGLE = GOOD.replace(
    "torch.tanh(windows @ self.matrix)", "torch.tanh(windows @ self.matrix).mean(1, keepdim=True)"
).replace("50.0 * torch.arange(embeddings.shape[1])", "torch.full((1,), 500.0 * audio.shape[1] / 16000)")
