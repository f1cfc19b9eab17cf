"""``python -m azure_session_kernel.emulator.kinds.oneshot``: a session of the one-shot kind."""

from __future__ import annotations

from ....container.data_folder import make_own
from ....container.imports import without_imports_from_here
from ...sessions.session_program import parser, serve
from .app import create_app
from .job import Limits


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--program", default="adapter")
    options.add_argument("--run-limit", type=float, default=Limits.run_s)
    options.add_argument("--output-limit", type=int, default=Limits.output_bytes)
    options.add_argument("--habit", action="append", default=[])
    args = options.parse_args()
    without_imports_from_here()
    limits = Limits(args.run_limit, args.output_limit)
    workdir = make_own(args.workdir) if args.mnt_data else args.workdir.absolute()
    serve(create_app(args.program, limits, workdir, args.habit), args)


if __name__ == "__main__":
    main()
