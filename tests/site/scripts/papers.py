# access: public
import hashlib

from scriptapps import st

papers = st.file_uploader("Papers", accept_multiple_files=True)
for paper in papers:
    st.text(f"{paper.name} {paper.size} {hashlib.sha256(paper.read()).hexdigest()[:16]}")
st.text(f"{len(papers)} papers")
