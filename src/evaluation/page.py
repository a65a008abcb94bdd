"""Write one HTML page about a run: python -m src.evaluation.page --run OUTPUT_DIR, the name of src.report.run_page for users."""

from src.report.run_page import main

if __name__ == "__main__":
    main()
