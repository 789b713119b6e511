"""A site whose pages messages link to."""

from tests.elsewhere import Service


class Site(Service):
    """Pages by their titles."""

    def page(self, path: str, title: str, status: int = 200) -> str:
        html = f'<title>{title}</title><meta property="og:site_name" content="Lakes">'.encode()
        head = f"HTTP/1.1 {status} .\r\ncontent-type: text/html\r\ncontent-length: {len(html)}\r\n\r\n"
        self.handlers[path] = lambda _: head.encode() + html
        return self.url + path
