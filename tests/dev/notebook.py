"""A user of notebooks: `python tests/dev/notebook.py` runs one, and reads what it shows."""

import sys
from tempfile import TemporaryDirectory

import nbclient
import nbformat

WRITE = """
import numpy as np

def pool_forward(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    n_H, n_W = ((n - f) // stride + 1 for n in A_prev.shape[1:3])
    A = np.zeros((len(A_prev), n_H, n_W, A_prev.shape[3]))
    for h in range(n_H):
        for w in range(n_W):
            window = A_prev[:, h * stride : h * stride + f, w : w + f]
            A[:, h, w] = window.max((1, 2)) if mode == "max" else window.mean((1, 2))
    return A, (A_prev, hparameters)
"""
ASK = "from verification import judge\njudge(globals(), level=2, only='pool_forward')"


def main():
    cells = [nbformat.v4.new_code_cell(text) for text in (WRITE, ASK)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    updates = []

    class Client(nbclient.NotebookClient):
        def process_message(self, message, cell, index):
            updates.append((message["msg_type"], message["content"].get("data", {})))
            return super().process_message(message, cell, index)

    with TemporaryDirectory() as folder:
        Client(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()
    _, asked = (cell["outputs"] for cell in cells)
    (result,) = (one for one in asked if one["output_type"] == "execute_result")
    assert "pool_forward" in result["data"]["text/plain"]
    page = result["data"]["text/html"]
    assert '<table class="grid">' in page, page
    assert "the stride is missing" in page, page
    counted = [data["text/plain"] for kind, data in updates if kind == "update_display_data"]
    assert any(line.endswith(" checks") for line in counted), counted
    assert counted[-1] == "", counted
    print(f"{len(counted)} lines of progress in one place, then {len(page)} characters of HTML")


if __name__ == "__main__":
    sys.exit(main())
