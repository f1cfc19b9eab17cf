"""``python -m azure_session_kernel.emulator.kinds.interpreter``: a session of the built-in kind."""

from __future__ import annotations

from ....container.data_folder import make_own
from ....container.imports import without_imports_from_here
from ...sessions.session_program import parser, serve
from .app import SessionOptions, create_app


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--container-type", default="PythonLTS")
    options.add_argument("--execution-limit", type=float, default=220.0)
    options.add_argument("--decode-names", action="store_true")
    options.add_argument("--health-check", type=float, default=0.0)
    args = options.parse_args()
    without_imports_from_here()
    # The home around the data folder keeps IPython's own files out of it.
    data = args.workdir.absolute() / "mnt" / "data"
    data.mkdir(parents=True, exist_ok=True)
    data = make_own(data) if args.mnt_data else data
    asked = SessionOptions(
        data, args.execution_limit, args.container_type, args.decode_names, args.health_check
    )
    app = create_app(asked)
    serve(app, args, app.state.end_kernels)


if __name__ == "__main__":
    main()
