import os

from app.report import lines

print("\n".join(lines({"user": os.getuid(), "home": os.getcwd(), "cached": os.path.isdir("app/__pycache__")})))
