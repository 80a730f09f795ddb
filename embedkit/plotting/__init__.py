"""Pictures: words in two dimensions, training curves, co-occurrence counts; PNG, SVG and one interactive page.

| file | what |
|---|---|
| ``projection`` | many dimensions to two: PCA, and exact t-SNE in ``tsne`` |
| ``selection`` | which words a picture shows |
| ``labels`` | where each label goes so that no two overlap |
| ``canvas`` | the only file that imports matplotlib: fonts (Hangul too), colours, saving |
| ``words``, ``curves``, ``heatmap`` | the three kinds of picture |
| ``page`` | the interactive HTML page, which needs no matplotlib |
"""
