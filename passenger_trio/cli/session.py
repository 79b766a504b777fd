"""What the verbs that do not stay share: GitHub, the token files, and a Copilot token without a keeper."""

import time

from passenger_trio.config import Config
from passenger_trio.copilot import protocol
from passenger_trio.copilot.account import Account
from passenger_trio.copilot.client import Http, fetcher
from passenger_trio.copilot.saved import end_of, is_good, reckon
from passenger_trio.copilot.store import SavedToken, TokenStore
from passenger_trio.copilot.tokens import CopilotToken
from passenger_trio.errors import NotLoggedIn
from passenger_trio.secret import Secret


class Session:
    """One visit to GitHub, over an ``http`` client that the caller closes."""

    def __init__(self, http: Http, config: Config) -> None:
        self.fetch = fetcher(http)
        self.account = Account(self.fetch, config)
        self.store = TokenStore.of(config)

    async def login(self) -> Secret:
        """The GitHub token. Raises :class:`~passenger_trio.errors.NotLoggedIn` when there is none."""
        login = await self.store.read_access()
        if login is None:
            raise NotLoggedIn(
                f"Nobody is logged in: {self.store.login_place} does not exist. Run `passenger-trio login`."
            )
        return login

    async def renewed(self) -> SavedToken:
        """A Copilot token fetched now, whatever is saved, and saved. Raises as the exchange and the store do."""
        await self.login()
        async with self.store.locked():
            return await self._exchange(await self.login())  # which a logout may have deleted meanwhile

    async def fresh(self, login: Secret | None = None, *, refused: Secret | None = None) -> SavedToken:
        """The saved Copilot token if it is still good, and not the ``refused`` one, else a new one.

        ``login`` is one that has just been saved; else it is that of the moment. Raises as :meth:`renewed`.
        """
        if (saved := await self._good(login or await self.login(), refused)) is not None:
            return saved
        async with self.store.locked():  # another process may have been first, or have logged out
            now = login or await self.login()
            return await self._good(now, refused) or await self._exchange(now)

    async def _good(self, login: Secret, refused: Secret | None) -> SavedToken | None:
        saved = await self.store.read_copilot()
        if saved is None or (refused is not None and refused.reveal() == saved.token):
            return None
        return saved if is_good(saved, time.time(), login, own=not self.store.environment) else None

    async def _exchange(self, login: Secret) -> SavedToken:
        asked = time.time()
        saved, _ = reckon(await self.account.exchange(login), asked, login)
        await self.store.save_copilot(saved)
        return saved


class OneShot:
    """Tokens for a single call: the saved one, or another when that is refused."""

    def __init__(self, session: Session, api_base_url: str) -> None:
        self._session = session
        self._api_base_url = api_base_url
        self._refused: Secret | None = None

    async def current(self) -> CopilotToken:
        """A live token. Raises as :meth:`Session.renewed`."""
        saved = await self._session.fresh(refused=self._refused)
        base = protocol.api_base(self._api_base_url, saved.envelope())
        return CopilotToken(Secret(saved.token), end_of(saved), base, saved.sku)

    async def another(self, token: CopilotToken) -> CopilotToken | None:
        """A live token that is not ``token``. Raises as :meth:`Session.renewed`."""
        self.doubt(token)
        return await self.current()

    def doubt(self, token: CopilotToken) -> bool:
        """Copilot has refused the token: the next :meth:`current` gives another."""
        self._refused = token.secret
        return True
