"""Write one HTML page about a run: python -m src.evaluation.page --run OUTPUT_DIR, an alias of src.report.run_page."""

from src.report.run_page import main

if __name__ == "__main__":
    main()
