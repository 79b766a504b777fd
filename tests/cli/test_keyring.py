"""The verbs with tokens in a keyring: what they name is there, and no file is."""

from pathlib import Path

from program import World

BACKEND = """
import json
from pathlib import Path

KEPT = Path(__file__).with_name("kept")


class Ring:
    priority = 5

    def __init__(self):
        self.kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}

    def get_password(self, service, name):
        return self.kept.get(name)

    def set_password(self, service, name, password):
        self.kept[name] = password
        KEPT.write_text(json.dumps(self.kept))

    def delete_password(self, service, name):
        del self.kept[name]
        KEPT.write_text(json.dumps(self.kept))


get_keyring = Ring
"""


async def test_every_verb_names_the_keyring_and_no_file(world: World) -> None:
    world.configure(world.origin, 'storage = "keyring"\n')
    (world.directory / "keyring.py").write_text(BACKEND)
    login, copilot = f"{world.access_path} in the keyring", f"{world.copilot_path} in the keyring"

    nobody = await world.run("refresh-token")
    assert nobody.code == 3
    assert f"{login} does not exist" in nobody.err
    assert f"neither {login} nor {copilot} exists" in (await world.run("logout")).out

    assert f"Saved {login}\n" in (await world.run("login", "--no-browser")).out
    assert (await world.run("refresh-token")).out.splitlines()[-1] == f"Saved {copilot}"
    said = (await world.run("status")).out
    assert f"{login}\n" in said
    assert f"{copilot}, good for" in said

    assert f"Deleted {login}\nDeleted {copilot}\n" in (await world.run("logout")).out
    assert names(world.copilot_path.parent) == ["token.json.lock"]


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]
