"""Why a report or an analysis is not accepted: the rule, the field at fault, and what to do, in both languages."""

from __future__ import annotations

from services.service import Refused, Words

RULES: dict[str, tuple[Words, Words]] = {
    "unit_unknown": (
        Words("Unit {unit} tidak dikenal.", "There is no unit {unit}."),
        Words("Periksa kode unit pada halaman Beban kerja.", "Look the unit's code up on the Workload page."),
    ),
    "not_your_opd": (
        Words("Peran Anda tidak mencakup OPD {opd}.", "Your roles do not cover the agency {opd}."),
        Words("Minta peran reports@{opd} pada admin kepegawaian.", "Ask the personnel agency for reports@{opd}."),
    ),
    "operator_only": (
        Words("ABK final dicatat oleh operator saja.", "Only the operator records a final analysis."),
        Words("Minta operator mencatatnya.", "Ask the operator to record it."),
    ),
    "period_reversed": (
        Words("Periode berakhir sebelum dimulai.", "The period ends before it begins."),
        Words("Tukar kedua tanggal.", "Swap the two dates."),
    ),
    "in_the_future": (
        Words("{day} belum terjadi.", "{day} is in the future."),
        Words("Catat yang sudah terjadi saja.", "Record only what has happened."),
    ),
    "period_long": (
        Words("Satu laporan paling lama {longest} hari.", "One report covers at most {longest} days."),
        Words("Pecah menjadi beberapa laporan.", "Split it into several reports."),
    ),
    "no_working_day": (
        Words("Tidak ada hari kerja dalam periode ini.", "There is no working day in this period."),
        Words("Sertakan setidaknya satu hari kerja.", "Include at least one working day."),
    ),
    "period_overlaps": (
        Words("Memotong laporan {first} s.d. {last}.", "This overlaps the report {first} to {last}."),
        Words(
            "Kirim sisa harinya, atau koreksi laporan itu dengan periode yang sama persis.",
            "Send the other days only, or correct that report by one of exactly the same period.",
        ),
    ),
    "no_final_abk": (
        Words("Unit {unit} belum punya ABK final.", "The unit {unit} has no final workload analysis."),
        Words("Tetapkan ABK-nya dulu.", "Have its analysis signed first."),
    ),
    "nothing_reported": (
        Words("Laporan tanpa satu pun hasil.", "The report counts nothing."),
        Words(
            "Sebut tugasnya: {tasks}. Bila memang tidak ada hasil, tulis 0.",
            "Name the tasks: {tasks}. Where there really was no result, write 0.",
        ),
    ),
    "task_unknown": (
        Words("Tugas {task} tidak dihitung dalam ABK final unit ini.", "The final analysis counts no task {task}."),
        Words("Tugas yang dihitung: {tasks}.", "It counts: {tasks}."),
    ),
    "task_twice": (
        Words("Tugas {task} muncul dua kali.", "The task {task} appears twice."),
        Words("Jumlahkan menjadi satu baris.", "Sum it up in one line."),
    ),
    "number_unusable": (
        Words("Harus angka antara {low} dan {high}.", "This must be a number from {low} to {high}."),
        Words("Perbaiki angkanya.", "Correct the number."),
    ),
    "implausible": (
        Words(
            "Laporan ini {times} kali beban ABK final; paling tinggi {most} kali. Baris terberat: {task}.",
            "This report is {times} times the load of the final analysis, of {most} at most. Heaviest line: {task}.",
        ),
        Words(
            "Periksa volume {task} dan periodenya. Bila memang benar, tetapkan dulu ABK baru.",
            "Check the volume of {task} and the period. If it is true, have a new analysis signed first.",
        ),
    ),
    "nothing_to_do": (
        Words("ABK tanpa tugas.", "The analysis has no tasks."),
        Words("Sertakan baris tugasnya.", "Include its lines."),
    ),
    "version_passed": (
        Words("ABK versi {version} sudah ditetapkan.", "Version {version} of the analysis is already final."),
        Words("Beri nomor versi yang lebih tinggi.", "Number it higher."),
    ),
    "too_many": (
        Words("Paling banyak {most} sekaligus.", "At most {most} at once."),
        Words("Kirim dalam beberapa bagian.", "Send them in parts."),
    ),
}


def refused(rule: str, field: str, *, status: int = 422, **figures: object) -> Refused:
    """The refusal by a rule, with the figures that its words name."""
    detail, remedy = (Words(*(text.format(**figures) for text in words)) for words in RULES[rule])
    return Refused(f"workload.{rule}", detail, remedy, status=status, field=field)
